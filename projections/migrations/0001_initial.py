import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

import presence_events.schema.fields
import presence_events.schema.indexes
import presence_events.schema.json_data
import presence_events.schema.triggers
from presence_events import sql


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("presence_events", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PresenceSession",
            fields=[
                (
                    "session",
                    models.BigIntegerField(
                        help_text="The number of the stay. Its presence and its events have the same number.",
                        primary_key=True,
                        serialize=False,
                        verbose_name="session",
                    ),
                ),
                ("room", models.TextField(db_collation="C", help_text="The name of the room.", verbose_name="room")),
                (
                    "channel_name",
                    models.TextField(
                        db_collation="C", help_text="The channel name of the connection.", verbose_name="connection"
                    ),
                ),
                ("joined_at", models.DateTimeField(verbose_name="joined at")),
                (
                    "left_at",
                    models.DateTimeField(
                        help_text="When the stay ended; empty for an open stay.", null=True, verbose_name="left at"
                    ),
                ),
                (
                    "last_seen",
                    models.DateTimeField(
                        help_text="When the connection was last seen. A pruned connection ended between then and the end of the stay.",
                        verbose_name="last seen",
                    ),
                ),
                ("is_open", models.BooleanField(help_text="Whether the stay is open.", verbose_name="open")),
                (
                    "ended_by",
                    models.TextField(
                        choices=[("leave", "Leave"), ("prune", "Prune")],
                        help_text="Leave or prune; empty for an open stay.",
                        null=True,
                        verbose_name="ended by",
                    ),
                ),
                (
                    "reason",
                    models.JSONField(
                        decoder=presence_events.schema.json_data.TolerantDecoder,
                        help_text="The reason in the data of the leave or prune, if any.",
                        null=True,
                        verbose_name="reason",
                    ),
                ),
                (
                    "duration",
                    models.DurationField(
                        help_text="From joined_at to left_at; for an open stay, until now.", verbose_name="duration"
                    ),
                ),
            ],
            options={
                "verbose_name": "stay",
                "verbose_name_plural": "stays",
                "db_table": "presence_session",
                "ordering": ["joined_at", "session"],
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="DeadLetter",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "worker",
                    models.TextField(help_text="The name of the worker and of its checkpoint.", verbose_name="worker"),
                ),
                ("receiver", models.TextField(verbose_name="receiver")),
                (
                    "first",
                    models.BigIntegerField(
                        help_text="The position in the log of the first event of the signal.",
                        verbose_name="first event",
                    ),
                ),
                (
                    "last",
                    models.BigIntegerField(
                        help_text="The position in the log of the last event of the signal.", verbose_name="last event"
                    ),
                ),
                ("tries", models.IntegerField(verbose_name="tries")),
                ("error", models.TextField(help_text="The last exception of the receiver.", verbose_name="error")),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="time")),
            ],
            options={
                "verbose_name": "dead letter",
                "verbose_name_plural": "dead letters",
                "db_table": "presence_dead_letter",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Leader",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("pid", models.IntegerField()),
                ("role", models.BigIntegerField()),
                ("key", models.BigIntegerField()),
                ("since", models.DateTimeField()),
            ],
            options={
                "db_table": "presence_leader",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Room",
            fields=[
                (
                    "channel_name",
                    models.TextField(
                        db_collation="C",
                        help_text="The name of the room and of its channel-layer group.",
                        primary_key=True,
                        serialize=False,
                        verbose_name="room",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(help_text="When the first connection joined.", verbose_name="created at"),
                ),
            ],
            options={
                "verbose_name": "room",
                "verbose_name_plural": "rooms",
                "db_table": "presence_room",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Process",
            fields=[
                ("name", models.TextField(db_collation="C", primary_key=True, serialize=False, verbose_name="name")),
                (
                    "started_at",
                    models.DateTimeField(help_text="The time of the first beat.", verbose_name="started at"),
                ),
                (
                    "seen_at",
                    models.DateTimeField(help_text="The time of the last beat.", verbose_name="last seen"),
                ),
            ],
            options={
                "verbose_name": "process",
                "verbose_name_plural": "processes",
                "db_table": "presence_process",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ProjectedEvent",
            fields=[],
            options={
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("presence_events.presenceevent",),
        ),
        migrations.CreateModel(
            name="Timeline",
            fields=[],
            options={
                "verbose_name": "timeline",
                "verbose_name_plural": "timeline",
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("projections.presencesession",),
        ),
        migrations.CreateModel(
            name="Presence",
            fields=[
                (
                    "id",
                    models.BigIntegerField(editable=False, primary_key=True, serialize=False, verbose_name="session"),
                ),
                ("joined_at", models.DateTimeField(verbose_name="joined at")),
                (
                    "last_seen",
                    presence_events.schema.fields.FunctionTimeField(
                        editable=False,
                        help_text="The last sign of life: the join, the latest touch, or the latest beat of the process.",
                        verbose_name="last seen",
                    ),
                ),
                (
                    "touched_at",
                    models.DateTimeField(
                        help_text="The join, or the latest touch of the connection itself.", verbose_name="touched at"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
                (
                    "is_leased",
                    models.BooleanField(
                        help_text="Whether the beats of the process keep the connection alive.", verbose_name="leased"
                    ),
                ),
                (
                    "room",
                    models.ForeignKey(
                        db_column="room",
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="projections.room",
                        verbose_name="room",
                    ),
                ),
                (
                    "channel_name",
                    models.TextField(
                        db_collation="C", help_text="The channel name of the connection.", verbose_name="connection"
                    ),
                ),
                (
                    "process",
                    models.TextField(
                        db_collation="C",
                        help_text="The server process that has claimed the connection, if any.",
                        null=True,
                        verbose_name="process",
                    ),
                ),
                (
                    "exclusive_room",
                    models.TextField(
                        db_collation="C",
                        help_text="The room, if the user could have no other connection in it when this one joined; otherwise empty.",
                        null=True,
                        verbose_name="exclusive",
                    ),
                ),
                (
                    "data",
                    models.JSONField(
                        decoder=presence_events.schema.json_data.TolerantDecoder,
                        help_text="JSON that describes the connection.",
                        null=True,
                        verbose_name="data",
                    ),
                ),
            ],
            options={
                "verbose_name": "presence",
                "verbose_name_plural": "presences",
                "db_table": "presence_open_stay",
                "permissions": [("end_presence", "Can make connections leave")],
                "default_permissions": ("view",),
            },
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(fields=["channel_name"], name="presence_channel_name"),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(fields=["is_leased", "process"], include=("id",), name="presence_leased"),
        ),
        migrations.AddConstraint(
            model_name="presence",
            constraint=models.UniqueConstraint(fields=("room", "channel_name"), name="presence_room_channel_name"),
        ),
        migrations.AddConstraint(
            model_name="presence",
            constraint=models.UniqueConstraint(fields=("user", "exclusive_room"), name="presence_exclusive"),
        ),
        migrations.CreateModel(
            name="BaselineProcess",
            fields=[
                ("name", models.TextField(db_collation="C", primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": "presence_baseline_process",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="BaselineRoom",
            fields=[
                ("channel_name", models.TextField(db_collation="C", primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "presence_baseline_room",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="BaselineStay",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("room", models.TextField(db_collation="C")),
                ("channel_name", models.TextField(db_collation="C")),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("joined_at", models.DateTimeField()),
                ("touched_at", models.DateTimeField()),
                ("data", models.JSONField(decoder=presence_events.schema.json_data.TolerantDecoder, null=True)),
                ("process", models.TextField(db_collation="C", null=True)),
                ("is_leased", models.BooleanField()),
                ("exclusive_room", models.TextField(db_collation="C", null=True)),
            ],
            options={
                "db_table": "presence_baseline_stay",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Baseline",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "presence_baseline",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="presence_baseline_one_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="ScheduledReport",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "room",
                    models.TextField(
                        db_collation="C", help_text="The name of the room. It need not exist yet.", verbose_name="room"
                    ),
                ),
                ("title", models.TextField(help_text="What the report is called.", verbose_name="title")),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("ends_at", models.DateTimeField(verbose_name="until")),
                (
                    "expected",
                    models.JSONField(
                        help_text="The keys of the users who are expected, as text, or null.",
                        null=True,
                        verbose_name="expected",
                    ),
                ),
                (
                    "announced_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="When receivers were told of the report; empty until then.",
                        null=True,
                        verbose_name="announced at",
                    ),
                ),
            ],
            options={
                "verbose_name": "scheduled report",
                "verbose_name_plural": "scheduled reports",
                "db_table": "presence_scheduled_report",
                "ordering": ["ends_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="AttendanceReport",
            fields=[
                (
                    "schedule",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="report",
                        serialize=False,
                        to="projections.scheduledreport",
                        verbose_name="scheduled report",
                    ),
                ),
                ("room", models.TextField(db_collation="C", verbose_name="room")),
                ("title", models.TextField(verbose_name="title")),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("ends_at", models.DateTimeField(verbose_name="until")),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="made at"),
                ),
                (
                    "position",
                    models.BigIntegerField(
                        help_text="The position in the log up to which the report is based on it.",
                        verbose_name="position",
                    ),
                ),
                (
                    "complete_from",
                    models.DateTimeField(
                        help_text="The horizon, if events of the span had been removed when the report was made.",
                        null=True,
                        verbose_name="complete from",
                    ),
                ),
                ("rows", models.JSONField(verbose_name="rows")),
            ],
            options={
                "verbose_name": "attendance report",
                "verbose_name_plural": "attendance reports",
                "db_table": "presence_attendance_report",
                "ordering": ["ends_at", "schedule"],
                "permissions": [("view_attendance", "Can view attendance")],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ReportAnnotation",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "report",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="annotations",
                        to="projections.attendancereport",
                        verbose_name="attendance report",
                    ),
                ),
                (
                    "row",
                    models.IntegerField(
                        help_text="The number of the row that it is about, from 0; empty for the whole report.",
                        null=True,
                        verbose_name="row",
                    ),
                ),
                ("correction", models.TextField(verbose_name="correction")),
                ("reason", models.TextField(verbose_name="reason")),
                ("author", models.TextField(help_text="The key of the user, as text.", verbose_name="author")),
                (
                    "author_name",
                    models.TextField(
                        help_text="Empty if the author was erased.", null=True, verbose_name="name of the author"
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="time")),
            ],
            options={
                "verbose_name": "annotation",
                "verbose_name_plural": "annotations",
                "db_table": "presence_report_annotation",
                "ordering": ["id"],
                "default_permissions": ("add",),
            },
        ),
        migrations.AddIndex(
            model_name="scheduledreport",
            index=models.Index(
                condition=models.Q(("announced_at", None)), fields=["ends_at"], name="presence_scheduled_report_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="scheduledreport",
            constraint=models.CheckConstraint(
                condition=models.Q(("starts_at__lt", models.F("ends_at"))), name="presence_scheduled_report_span"
            ),
        ),
        migrations.AddIndex(
            model_name="attendancereport",
            index=presence_events.schema.indexes.JsonIndex("rows", name="presence_attendance_rows"),
        ),
        migrations.RunSQL(sql.read("projections", "schema/session_sequence"), migrations.RunSQL.noop),
        migrations.RunSQL(sql.read("projections", "schema/storage"), migrations.RunSQL.noop),
        migrations.RunSQL(
            sql.read("projections", "functions/presence_is_referenced"), "DROP FUNCTION presence_is_referenced"
        ),
        migrations.RunSQL(sql.read("projections", "functions/presence_record"), "DROP FUNCTION presence_record"),
        migrations.RunSQL(
            sql.read("projections", "functions/last_seen"), "DROP FUNCTION last_seen(presence_open_stay)"
        ),
        migrations.RunSQL(sql.read("projections", "views/presence"), "DROP VIEW presence"),
        migrations.RunSQL(sql.read("projections", "views/presence_session"), "DROP VIEW presence_session"),
        migrations.RunSQL(sql.read("projections", "functions/presence_magnitude"), "DROP FUNCTION presence_magnitude"),
        migrations.RunSQL(sql.read("projections", "functions/presence_lasts"), "DROP FUNCTION presence_lasts"),
        migrations.RunSQL(sql.read("projections", "functions/presence_check"), "DROP FUNCTION presence_check"),
        migrations.RunSQL(sql.read("projections", "functions/presence_at"), "DROP FUNCTION presence_at"),
        migrations.RunSQL(sql.read("projections", "functions/presence_during"), "DROP FUNCTION presence_during"),
        migrations.RunSQL(sql.read("projections", "functions/presence_occupancy"), "DROP FUNCTION presence_occupancy"),
        migrations.RunSQL(sql.read("projections", "views/presence_attendee"), "DROP VIEW presence_attendee"),
        migrations.RunSQL(
            sql.read("projections", "functions/presence_attendance"), "DROP FUNCTION presence_attendance"
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="room",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="projected_only",
                sql=presence_events.schema.triggers.CallersTriggerSql(
                    func="-- Refuses every statement outside of triggers. The statements of the fold are in a trigger, and this is another one.\nBEGIN\n    IF pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1 THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="fdd03ef454617f889f251b50d453b77c4968e357",
                    level="STATEMENT",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_projected_only_e2ced",
                    table="presence_room",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="room",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="names_are_final",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="13f2b81524e9263bf62dfd7d74f119b6ab5bbfb9",
                    level="STATEMENT",
                    operation='UPDATE OF "channel_name"',
                    pgid="pgtrigger_names_are_final_66411",
                    table="presence_room",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="room",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="never_truncated",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="405e78ad5df571483407b6670360ab5d701dc1dc",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_4a0ab",
                    table="presence_room",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="projectedevent",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="fold",
                sql=presence_events.schema.triggers.PartitionsTriggerSql(
                    func="-- Applies an event to the projections, before it is inserted into the log. An event that changes nothing is left out of\n-- the log: the trigger returns NULL.\n--\n-- The position in the log is drawn last, while the row that the event changes is locked. So the order of positions is\n-- the order of changes, and a replay in that order produces the same rows.\n--\n-- The time of the event is read under the same lock. A touch and a join may wait for that lock after they have read the\n-- clock, so they read it again if more than a millisecond has passed.\n--\n-- An event without a room concerns a server process: a touch is a beat, which renews the lease of the process, and a\n-- prune ends the lease. A presence that depends on a lease was last seen at the later of its own touched_at and the\n-- seen_at of the lease.\n--\n-- A join may have limits, which are checked against the stays as they are now, and not as the statement found them. With a\n-- capacity, the room is locked against other such joins until the commit, and its people are counted. An exclusive join\n-- needs that the user has no other stay in the room; a unique index makes it wait for another such join of the user. A\n-- join that its limits do not allow is left out of the log, like any event that changes nothing. If it names a session, a\n-- stay was to end for it in the same statement, so the statement fails instead.\n--\n-- A stay is hidden if the data of its join says so. A touch with new data changes nothing about that, and the end says it\n-- too. So each event with data tells whether its stay is hidden, and readers of the log need no other event for it.\n--\n-- A stay without history has a negative session. The join asks for it by a session that is 0 or negative. After the end of\n-- the stay, presence_forget_stays removes the user and the data from its events.\n--\n-- Functions, operators and types name their schema: an overload in another schema wins if its types match better.\nDECLARE\n    now pg_catalog.timestamptz;\n    created pg_catalog.bool := false;\n    is_of_process pg_catalog.bool := false;\n    lease_seen_at pg_catalog.timestamptz;\n    known pg_catalog.jsonb;\n    is_hidden pg_catalog.bool;\n    deferrable_keys pg_catalog.text;\n    deferred_keys pg_catalog.text;\n    referring_schema pg_catalog.text;\n    referring_table pg_catalog.text;\n    size pg_catalog.int4;\n    people pg_catalog.int8;\n    unmet pg_catalog.text;\n    stay pg_catalog.int8;\n    sign pg_catalog.int8;\n    refused pg_catalog.text;\nBEGIN\n    IF NEW.data OPERATOR(pg_catalog.=) 'null'::pg_catalog.jsonb THEN\n        NEW.data := NULL;\n    END IF;\n    -- presence_events.validation applies the same limits earlier. Text that is no longer than 128 bytes is too short for\n    -- too many levels and for a number that is too large. Only a join can bring new names.\n    IF NEW.data IS NOT NULL THEN\n        size := pg_catalog.octet_length(NEW.data::pg_catalog.text);\n        IF size OPERATOR(pg_catalog.>) 8192 THEN\n            refused := pg_catalog.format('data has %s bytes as text, and the limit is 8192', size);\n        ELSIF size OPERATOR(pg_catalog.>) 128\n            AND pg_catalog.jsonb_path_exists(NEW.data, 'strict $.**{65}'::pg_catalog.jsonpath)\n        THEN\n            refused := 'the values of data are nested in more than 64 lists and objects';\n        ELSIF size OPERATOR(pg_catalog.>) 308 AND pg_catalog.jsonb_path_exists(\n            NEW.data,\n            'strict $.** ? (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308)'::pg_catalog.jsonpath\n        ) THEN\n            refused := 'data contains a number that is larger than a floating-point number of 64 bits can be';\n        END IF;\n    END IF;\n    IF NEW.room OPERATOR(pg_catalog.=) '' AND NEW.channel_name IS NULL AND NEW.process IS NOT NULL\n        AND NEW.kind OPERATOR(pg_catalog.=) ANY (ARRAY['touch', 'prune']::pg_catalog.text[])\n    THEN\n        is_of_process := true;\n        IF NEW.process OPERATOR(pg_catalog.=) ''\n            OR pg_catalog.octet_length(NEW.process) OPERATOR(pg_catalog.>) 1024\n        THEN\n            refused := 'process has to be a name of 1 to 1024 bytes';\n        END IF;\n    ELSIF NEW.kind OPERATOR(pg_catalog.=) 'join' THEN\n        IF NEW.room OPERATOR(pg_catalog.=) '' OR pg_catalog.octet_length(NEW.room) OPERATOR(pg_catalog.>) 255 THEN\n            refused := 'room has to be a name of 1 to 255 bytes';\n        ELSIF NEW.channel_name OPERATOR(pg_catalog.=) ''\n            OR pg_catalog.octet_length(NEW.channel_name) OPERATOR(pg_catalog.>) 255\n        THEN\n            refused := 'channel_name has to be a name of 1 to 255 bytes';\n        ELSIF pg_catalog.octet_length(NEW.process) OPERATOR(pg_catalog.>) 1024 THEN\n            refused := 'process has to be a name of at most 1024 bytes';\n        END IF;\n    END IF;\n    IF NEW.is_leased AND (\n        NEW.process OPERATOR(pg_catalog.=) '' OR pg_catalog.octet_length(NEW.process) OPERATOR(pg_catalog.>) 1024\n    ) THEN\n        refused := 'process has to be a name of 1 to 1024 bytes';\n    END IF;\n    IF NEW.capacity IS NOT NULL OR NEW.is_exclusive IS NOT NULL OR NEW.commitment IS NOT NULL THEN\n        IF NEW.commitment IS NOT NULL THEN\n            refused := 'only the erasure of a person adds a commitment';\n        END IF;\n        -- On a leave, is_exclusive says that the stay ended for an exclusive join.\n        IF NEW.kind OPERATOR(pg_catalog.<>) 'join' THEN\n            NEW.capacity := NULL;\n        ELSIF NEW.capacity OPERATOR(pg_catalog.<) 1 THEN\n            refused := 'capacity has to be at least 1';\n        END IF;\n        IF NOT NEW.is_exclusive\n            OR NEW.kind OPERATOR(pg_catalog.<>) ALL (ARRAY['join', 'leave']::pg_catalog.text[])\n            OR NEW.kind OPERATOR(pg_catalog.=) 'join' AND NEW.user_id IS NULL\n        THEN\n            NEW.is_exclusive := NULL;\n        END IF;\n    END IF;\n    IF refused IS NOT NULL THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'check_violation',\n            MESSAGE = pg_catalog.format('a %s is refused: %s', NEW.kind, refused),\n            HINT = 'The documentation lists the limits of names and data: What may enter, in Guarantees.';\n    END IF;\n    IF NEW.channel_name IS NULL AND NOT is_of_process\n        AND NEW.kind OPERATOR(pg_catalog.=) ANY (ARRAY['join', 'touch', 'leave']::pg_catalog.text[])\n    THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'not_null_violation',\n            MESSAGE = pg_catalog.format('a %s needs a channel_name', NEW.kind),\n            HINT = 'Only the prune of a room itself and the events of a server process have no channel_name.';\n    END IF;\n\n    CASE\n    WHEN is_of_process AND NEW.kind OPERATOR(pg_catalog.=) 'touch' THEN\n        -- Each beat changes seen_at, also if the clock was set back: dead-server detection looks for a change. It never\n        -- decreases.\n        now := pg_catalog.clock_timestamp();\n        INSERT INTO presence_process AS lease\n            (name, started_at, seen_at)\n        VALUES (NEW.process, now, now)\n        ON CONFLICT (name) DO UPDATE\n        SET seen_at = greatest(\n            pg_catalog.clock_timestamp(), lease.seen_at OPERATOR(pg_catalog.+) '1 us'::pg_catalog.interval\n        )\n        RETURNING lease.started_at, lease.seen_at INTO NEW.since, NEW.at;\n        NEW.session := NULL;\n        NEW.user_id := NULL;\n        NEW.last_seen := NULL;\n        NEW.data := NULL;\n        NEW.is_leased := NULL;\n\n    WHEN is_of_process THEN\n        -- The first statement waits for a beat in progress. The second one has a snapshot of its own.\n        IF pg_catalog.current_setting('transaction_isolation')\n            OPERATOR(pg_catalog.=) ANY (ARRAY['repeatable read', 'serializable']::pg_catalog.text[])\n        THEN\n            RAISE EXCEPTION USING\n                ERRCODE = 'feature_not_supported',\n                MESSAGE = 'the end of a lease is refused: an old snapshot does not show who depends on it',\n                HINT = 'Record it in a READ COMMITTED transaction.';\n        END IF;\n        PERFORM FROM presence_process WHERE name OPERATOR(pg_catalog.=) NEW.process FOR UPDATE;\n        DELETE FROM presence_process AS lease\n        WHERE lease.name OPERATOR(pg_catalog.=) NEW.process\n            AND NOT EXISTS (\n                SELECT FROM presence_open_stay AS p\n                WHERE p.process OPERATOR(pg_catalog.=) lease.name AND p.is_leased\n            )\n        RETURNING lease.started_at, lease.seen_at INTO NEW.since, NEW.last_seen;\n        IF NOT FOUND THEN\n            RETURN NULL;\n        END IF;\n        NEW.session := NULL;\n        NEW.user_id := NULL;\n        NEW.is_leased := NULL;\n        NEW.at := greatest(pg_catalog.clock_timestamp(), NEW.last_seen);\n\n    WHEN NEW.kind OPERATOR(pg_catalog.=) 'touch' THEN\n        -- A touch may make a stay depend on the lease of a process, or no longer depend on one. NULL changes nothing.\n        IF NEW.process IS NULL AND NEW.is_leased THEN\n            NEW.is_leased := NULL;\n        END IF;\n        IF NEW.data IS NOT NULL THEN\n            -- A touch with data means that the data changed, so data that is already present is removed from the touch.\n            SELECT data INTO known FROM presence_open_stay\n            WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name\n            FOR NO KEY UPDATE;\n            IF known OPERATOR(pg_catalog.@>) '{\"presence.hidden\": true}'::pg_catalog.jsonb THEN\n                IF pg_catalog.jsonb_typeof(NEW.data) OPERATOR(pg_catalog.<>) 'object' THEN\n                    RAISE EXCEPTION USING\n                        ERRCODE = 'check_violation',\n                        MESSAGE = 'a touch is refused: the data of a hidden connection has to be an object',\n                        HINT = 'Pass a dict, or let the connection join again without hidden=True.';\n                END IF;\n                NEW.data := NEW.data OPERATOR(pg_catalog.||) '{\"presence.hidden\": true}'::pg_catalog.jsonb;\n            ELSIF NEW.data OPERATOR(pg_catalog.@>) '{\"presence.hidden\": true}'::pg_catalog.jsonb THEN\n                NEW.data := NEW.data OPERATOR(pg_catalog.-) 'presence.hidden'::pg_catalog.text;\n            END IF;\n            IF known OPERATOR(pg_catalog.=) NEW.data THEN\n                NEW.data := NULL;\n            END IF;\n        END IF;\n        IF NEW.is_leased IS NULL THEN\n            UPDATE presence_open_stay\n            SET touched_at = greatest(touched_at, pg_catalog.clock_timestamp()), data = coalesce(NEW.data, data)\n            WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name\n                AND (NEW.session IS NULL OR id OPERATOR(pg_catalog.=) NEW.session)\n            RETURNING id, user_id, joined_at, touched_at INTO NEW.session, NEW.user_id, NEW.since, NEW.at;\n            NEW.process := NULL;\n        ELSE\n            -- Without its lease, the stay was last seen no earlier than with it.\n            UPDATE presence_open_stay AS p\n            SET touched_at = greatest(\n                    p.touched_at,\n                    pg_catalog.clock_timestamp(),\n                    CASE WHEN p.is_leased THEN (\n                        SELECT l.seen_at FROM presence_process AS l WHERE l.name OPERATOR(pg_catalog.=) p.process\n                    ) END\n                ),\n                data = coalesce(NEW.data, p.data),\n                is_leased = NEW.is_leased,\n                process = CASE WHEN NEW.is_leased THEN NEW.process ELSE p.process END\n            WHERE p.room OPERATOR(pg_catalog.=) NEW.room AND p.channel_name OPERATOR(pg_catalog.=) NEW.channel_name\n                AND (NEW.session IS NULL OR p.id OPERATOR(pg_catalog.=) NEW.session)\n            RETURNING p.id, p.user_id, p.joined_at, p.touched_at, p.process\n            INTO NEW.session, NEW.user_id, NEW.since, NEW.at, NEW.process;\n        END IF;\n        IF NOT FOUND THEN\n            RETURN NULL;\n        END IF;\n        IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) NEW.at\n            OPERATOR(pg_catalog.>) '1 ms'::pg_catalog.interval\n        THEN\n            UPDATE presence_open_stay SET touched_at = pg_catalog.clock_timestamp()\n            WHERE id OPERATOR(pg_catalog.=) NEW.session\n            RETURNING touched_at INTO NEW.at;\n        END IF;\n        NEW.last_seen := NULL;\n\n    WHEN NEW.kind OPERATOR(pg_catalog.=) 'join' THEN\n        -- Waits while another transaction ends a stay of this connection, so the new stay begins after that end.\n        PERFORM FROM presence_open_stay\n        WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name\n        FOR UPDATE;\n        IF FOUND THEN\n            RETURN NULL;\n        END IF;\n        -- Waits while another transaction prunes the room, and then creates the room again.\n        LOOP\n            IF NEW.capacity IS NULL THEN\n                SELECT created_at INTO now FROM presence_room\n                WHERE channel_name OPERATOR(pg_catalog.=) NEW.room\n                FOR KEY SHARE;\n            ELSIF pg_catalog.current_setting('transaction_isolation')\n                OPERATOR(pg_catalog.=) ANY (ARRAY['repeatable read', 'serializable']::pg_catalog.text[])\n            THEN\n                RAISE EXCEPTION USING\n                    ERRCODE = 'feature_not_supported',\n                    MESSAGE = 'a join with a capacity is refused: an old snapshot does not show who is in the room',\n                    HINT = 'Record it in a READ COMMITTED transaction.';\n            ELSE\n                SELECT created_at INTO now FROM presence_room\n                WHERE channel_name OPERATOR(pg_catalog.=) NEW.room\n                FOR NO KEY UPDATE;\n            END IF;\n            created := NOT FOUND;\n            -- The clock may have been set back. The join does not come before its room.\n            now := greatest(now, pg_catalog.clock_timestamp());\n            EXIT WHEN NOT created;\n            INSERT INTO presence_room (channel_name, created_at) VALUES (NEW.room, now) ON CONFLICT DO NOTHING;\n            created := FOUND;\n            EXIT WHEN created;\n        END LOOP;\n        NEW.is_leased := coalesce(NEW.is_leased, false) AND NEW.process IS NOT NULL;\n        sign := CASE WHEN NEW.session OPERATOR(pg_catalog.<=) 0 THEN '-1'::pg_catalog.int8 ELSE 1 END;\n        IF NEW.capacity IS NULL AND NEW.is_exclusive IS NULL THEN\n            INSERT INTO presence_open_stay\n                (id, room, channel_name, user_id, joined_at, touched_at, data, process, is_leased)\n            VALUES (\n                sign OPERATOR(pg_catalog.*) pg_catalog.nextval('presence_open_stay_id_seq'::pg_catalog.regclass),\n                NEW.room, NEW.channel_name, NEW.user_id, now, now, NEW.data, NEW.process, NEW.is_leased\n            )\n            ON CONFLICT (room, channel_name) DO NOTHING\n            RETURNING id INTO NEW.session;\n            IF NOT FOUND THEN\n                RETURN NULL;\n            END IF;\n        ELSE\n            IF NEW.is_exclusive THEN\n                PERFORM FROM presence_open_stay\n                WHERE room OPERATOR(pg_catalog.=) NEW.room AND user_id OPERATOR(pg_catalog.=) NEW.user_id;\n                IF FOUND THEN\n                    unmet := 'presence_exclusive';\n                END IF;\n            END IF;\n            -- Another connection of a person who is in the room takes no place.\n            IF NEW.capacity IS NOT NULL AND unmet IS NULL THEN\n                SELECT CASE\n                    WHEN pg_catalog.bool_or(user_id OPERATOR(pg_catalog.=) NEW.user_id) THEN 0\n                    ELSE pg_catalog.count(DISTINCT user_id)\n                        OPERATOR(pg_catalog.+) pg_catalog.count(channel_name) FILTER (WHERE user_id IS NULL)\n                END\n                INTO people\n                FROM presence_open_stay\n                WHERE room OPERATOR(pg_catalog.=) NEW.room;\n                IF people OPERATOR(pg_catalog.>=) NEW.capacity THEN\n                    unmet := 'presence_capacity';\n                END IF;\n            END IF;\n            IF unmet IS NULL THEN\n                INSERT INTO presence_open_stay\n                    (id, room, channel_name, user_id, joined_at, touched_at, data, process, is_leased, exclusive_room)\n                VALUES (\n                    sign OPERATOR(pg_catalog.*) pg_catalog.nextval('presence_open_stay_id_seq'::pg_catalog.regclass),\n                    NEW.room, NEW.channel_name, NEW.user_id, now, now, NEW.data, NEW.process, NEW.is_leased,\n                    CASE WHEN NEW.is_exclusive THEN NEW.room END\n                )\n                ON CONFLICT DO NOTHING\n                RETURNING id INTO stay;\n                unmet := CASE WHEN NOT FOUND THEN 'presence_exclusive' END;\n            END IF;\n            IF unmet IS NOT NULL THEN\n                IF NEW.session IS NULL OR NEW.session OPERATOR(pg_catalog.=) 0 THEN\n                    RETURN NULL;\n                END IF;\n                RAISE EXCEPTION USING\n                    ERRCODE = 'check_violation',\n                    CONSTRAINT = unmet,\n                    MESSAGE = 'the limits of a join do not allow it, and a stay was to end for it',\n                    HINT = 'Repeat it, or treat it as refused.';\n            END IF;\n            NEW.session := stay;\n        END IF;\n        -- In a room that this join has just created, there was no other join to wait for.\n        IF NOT created\n            AND pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) now\n                OPERATOR(pg_catalog.>) '1 ms'::pg_catalog.interval\n        THEN\n            now := pg_catalog.clock_timestamp();\n            UPDATE presence_open_stay SET joined_at = now, touched_at = now\n            WHERE id OPERATOR(pg_catalog.=) NEW.session;\n        END IF;\n        NEW.since := now;\n        NEW.last_seen := NULL;\n        NEW.at := now;\n\n    WHEN NEW.kind OPERATOR(pg_catalog.=) ANY (ARRAY['leave', 'prune']::pg_catalog.text[]) THEN\n        IF NEW.channel_name IS NOT NULL THEN\n            DELETE FROM presence_open_stay\n            WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name\n                AND (NEW.session IS NULL OR id OPERATOR(pg_catalog.=) NEW.session)\n            RETURNING id, user_id, joined_at, touched_at, process, is_leased,\n                data OPERATOR(pg_catalog.@>) '{\"presence.hidden\": true}'::pg_catalog.jsonb\n            INTO NEW.session, NEW.user_id, NEW.since, NEW.last_seen, NEW.process, NEW.is_leased, is_hidden;\n            IF NOT FOUND THEN\n                RETURN NULL;\n            END IF;\n            IF is_hidden THEN\n                NEW.data := CASE\n                    WHEN NEW.data IS NULL THEN '{\"presence.hidden\": true}'::pg_catalog.jsonb\n                    WHEN pg_catalog.jsonb_typeof(NEW.data) OPERATOR(pg_catalog.=) 'object'\n                        THEN NEW.data OPERATOR(pg_catalog.||) '{\"presence.hidden\": true}'::pg_catalog.jsonb\n                    ELSE pg_catalog.jsonb_build_object('reason', NEW.data, 'presence.hidden', true)\n                END;\n            ELSIF NEW.data OPERATOR(pg_catalog.@>) '{\"presence.hidden\": true}'::pg_catalog.jsonb THEN\n                NEW.data := NEW.data OPERATOR(pg_catalog.-) 'presence.hidden'::pg_catalog.text;\n            END IF;\n            IF NEW.is_leased THEN\n                SELECT seen_at INTO lease_seen_at FROM presence_process\n                WHERE name OPERATOR(pg_catalog.=) NEW.process;\n                NEW.last_seen := greatest(NEW.last_seen, lease_seen_at);\n            END IF;\n            NEW.at := greatest(pg_catalog.clock_timestamp(), NEW.last_seen);\n        ELSE\n            -- Two statements, because each has its own snapshot: the second one sees connections that joined while the\n            -- first one waited for the lock.\n            PERFORM FROM presence_room WHERE channel_name OPERATOR(pg_catalog.=) NEW.room FOR UPDATE;\n            IF pg_catalog.current_setting('transaction_isolation')\n                OPERATOR(pg_catalog.<>) ALL (ARRAY['repeatable read', 'serializable']::pg_catalog.text[])\n            THEN\n                DELETE FROM presence_room AS r\n                WHERE r.channel_name OPERATOR(pg_catalog.=) NEW.room\n                    AND NOT EXISTS (\n                        SELECT FROM presence_open_stay AS p WHERE p.room OPERATOR(pg_catalog.=) r.channel_name\n                    )\n                RETURNING created_at INTO NEW.since;\n                IF NOT FOUND THEN\n                    RETURN NULL;\n                END IF;\n            ELSE\n                -- Both statements have the snapshot of the transaction, which does not see later joins. Only the check of\n                -- the foreign key of presence does. So it is made after the DELETE, not at the commit. The foreign keys\n                -- of other tables are checked when their transaction wants it, and fail as they would without this.\n                BEGIN\n                    DELETE FROM presence_room AS r\n                    WHERE r.channel_name OPERATOR(pg_catalog.=) NEW.room\n                        AND NOT EXISTS (\n                            SELECT FROM presence_open_stay AS p WHERE p.room OPERATOR(pg_catalog.=) r.channel_name\n                        )\n                    RETURNING created_at INTO NEW.since;\n                    IF NOT FOUND THEN\n                        RETURN NULL;\n                    END IF;\n                    SELECT\n                        pg_catalog.string_agg(pg_catalog.format('%I.%I', nspname, conname), ', '),\n                        pg_catalog.string_agg(pg_catalog.format('%I.%I', nspname, conname), ', ')\n                            FILTER (WHERE c.condeferred)\n                    INTO deferrable_keys, deferred_keys\n                    FROM pg_catalog.pg_constraint AS c\n                    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.connamespace\n                    WHERE c.conrelid OPERATOR(pg_catalog.=) 'presence_open_stay'::pg_catalog.regclass\n                        AND c.confrelid OPERATOR(pg_catalog.=) 'presence_room'::pg_catalog.regclass\n                        AND c.condeferrable;\n                    IF deferrable_keys IS NOT NULL THEN\n                        EXECUTE pg_catalog.concat('SET CONSTRAINTS ', deferrable_keys, ' IMMEDIATE');\n                    END IF;\n                EXCEPTION WHEN foreign_key_violation THEN\n                    GET STACKED DIAGNOSTICS referring_schema := SCHEMA_NAME, referring_table := TABLE_NAME;\n                    IF referring_schema OPERATOR(pg_catalog.<>) TG_TABLE_SCHEMA::pg_catalog.text\n                        OR referring_table OPERATOR(pg_catalog.<>) 'presence_open_stay'\n                    THEN\n                        RAISE;\n                    END IF;\n                    RAISE EXCEPTION USING\n                        ERRCODE = 'serialization_failure',\n                        MESSAGE = 'could not serialize: the snapshot does not see who is in the room',\n                        HINT = 'Repeat the transaction.';\n                END;\n                IF deferred_keys IS NOT NULL THEN\n                    EXECUTE pg_catalog.concat('SET CONSTRAINTS ', deferred_keys, ' DEFERRED');\n                END IF;\n            END IF;\n            NEW.session := NULL;\n            NEW.user_id := NULL;\n            NEW.last_seen := NULL;\n            NEW.at := greatest(pg_catalog.clock_timestamp(), NEW.since);\n        END IF;\n        NEW.process := NULL;\n        NEW.is_leased := NULL;\n    END CASE;\n\n    NEW.id := pg_catalog.nextval('presence_event_id_seq'::pg_catalog.regclass);\n    NEW.tx := pg_catalog.pg_current_xact_id();\n    RETURN NEW;\nEND;",
                    hash="c30fea5835becd38b6285087900cde05f861e153",
                    operation="INSERT",
                    pgid="pgtrigger_fold_72a36",
                    table="presence_event",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="process",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="projected_only",
                sql=presence_events.schema.triggers.CallersTriggerSql(
                    func="-- Refuses every statement outside of triggers. The statements of the fold are in a trigger, and this is another one.\nBEGIN\n    IF pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1 THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="1bb13f427d62dc8f9a9f9c927ce8f564474d8dd5",
                    level="STATEMENT",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_projected_only_1a348",
                    table="presence_process",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="process",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="names_are_final",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="ad74bc41b279179fd945c933105d818e649872c0",
                    level="STATEMENT",
                    operation='UPDATE OF "name"',
                    pgid="pgtrigger_names_are_final_b7f96",
                    table="presence_process",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="process",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="never_truncated",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="5461159a91999bc107c2f6ac0b01d82bfbeae252",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_fbea3",
                    table="presence_process",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="presence",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="projected_only",
                sql=presence_events.schema.triggers.CallersTriggerSql(
                    func="-- Refuses every statement outside of triggers. The statements of the fold are in a trigger, and this is another one.\nBEGIN\n    IF pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1 THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="970a2edaa3a13ddc19af483009a993a8aa72817b",
                    level="STATEMENT",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_projected_only_1a7ae",
                    table="presence_open_stay",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="presence",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="names_are_final",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="0399e29cc38dfcb9133d8abacb96e074cdb87e75",
                    level="STATEMENT",
                    operation='UPDATE OF "id", "room", "channel_name"',
                    pgid="pgtrigger_names_are_final_400c9",
                    table="presence_open_stay",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="presence",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="never_truncated",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="08033845a4295f45cf53c2a869db3cb9caa20795",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_ea5ea",
                    table="presence_open_stay",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="baseline",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="retention_only",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Retention disables its triggers in the transaction in which it writes.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a part of the baseline of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Only manage.py presence_retention writes it, before it removes events.';\nEND;",
                    hash="a0483ebc0417497019e7eccac4c4852f96937a2a",
                    level="STATEMENT",
                    operation="INSERT OR UPDATE OR DELETE OR TRUNCATE",
                    pgid="pgtrigger_retention_only_c7270",
                    table="presence_baseline",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="baselineprocess",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="retention_only",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Retention disables its triggers in the transaction in which it writes.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a part of the baseline of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Only manage.py presence_retention writes it, before it removes events.';\nEND;",
                    hash="0bfe5f2f90f0b2b921cc558649ead06c43270f7c",
                    level="STATEMENT",
                    operation="INSERT OR UPDATE OR DELETE OR TRUNCATE",
                    pgid="pgtrigger_retention_only_6acc1",
                    table="presence_baseline_process",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="baselineroom",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="retention_only",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Retention disables its triggers in the transaction in which it writes.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a part of the baseline of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Only manage.py presence_retention writes it, before it removes events.';\nEND;",
                    hash="c72f82ae91420753ded7c58e983d6fd56d027b85",
                    level="STATEMENT",
                    operation="INSERT OR UPDATE OR DELETE OR TRUNCATE",
                    pgid="pgtrigger_retention_only_85d7b",
                    table="presence_baseline_room",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="baselinestay",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="retention_only",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Retention disables its triggers in the transaction in which it writes.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a part of the baseline of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Only manage.py presence_retention writes it, before it removes events.';\nEND;",
                    hash="ff1a744d14c14f1cb409b25a329ea1d715b5c475",
                    level="STATEMENT",
                    operation="INSERT OR UPDATE OR DELETE OR TRUNCATE",
                    pgid="pgtrigger_retention_only_d234b",
                    table="presence_baseline_stay",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="attendancereport",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="permanent",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),\n        HINT = 'To release a hold, run manage.py presence_retention --release.';\nEND;",
                    hash="0c9c84844331c52f34f941dae45f85db106801ee",
                    level="STATEMENT",
                    operation="DELETE OR TRUNCATE",
                    pgid="pgtrigger_permanent_2a710",
                    table="presence_attendance_report",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="attendancereport",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="only_erased",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- A report is final, apart from whom it names: erasure puts a pseudonym in place of the key of a person, and removes the\n-- name. The figures of the person stay, and so does the order of the rows.\nBEGIN\n    IF NOT EXISTS (\n        SELECT\n        FROM pg_catalog.jsonb_array_elements(OLD.rows) WITH ORDINALITY AS before (part, number)\n        FULL JOIN pg_catalog.jsonb_array_elements(NEW.rows) WITH ORDINALITY AS after (part, number)\n            ON after.number OPERATOR(pg_catalog.=) before.number\n        WHERE NOT coalesce(\n            before.part OPERATOR(pg_catalog.=) after.part\n                OR before.part OPERATOR(pg_catalog.->>) 'name'::pg_catalog.text IS NOT NULL\n                AND after.part OPERATOR(pg_catalog.->) 'name'::pg_catalog.text\n                    OPERATOR(pg_catalog.=) 'null'::pg_catalog.jsonb\n                AND (before.part OPERATOR(pg_catalog.-) '{user_id,name}'::pg_catalog.text[])\n                    OPERATOR(pg_catalog.=) (after.part OPERATOR(pg_catalog.-) '{user_id,name}'::pg_catalog.text[]),\n            false\n        )\n    ) AND (pg_catalog.to_jsonb(OLD) OPERATOR(pg_catalog.-) 'rows'::pg_catalog.text)\n        OPERATOR(pg_catalog.=) (pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) 'rows'::pg_catalog.text)\n    THEN\n        RETURN NEW;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = 'UPDATE on presence_attendance_report is refused: a report is final, apart from the erasure of a person',\n        HINT = 'To correct a report, add an annotation: projections.final_reports.annotating.annotate.';\nEND;",
                    hash="8d16310d0ffd09a515103bbd6b6b127aa455626e",
                    operation="UPDATE",
                    pgid="pgtrigger_only_erased_5f5aa",
                    table="presence_attendance_report",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="reportannotation",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="permanent",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),\n        HINT = 'To release a hold, run manage.py presence_retention --release.';\nEND;",
                    hash="b81672e325c66e60a0207c543cbb84ca8a9b8b72",
                    level="STATEMENT",
                    operation="DELETE OR TRUNCATE",
                    pgid="pgtrigger_permanent_2e5f2",
                    table="presence_report_annotation",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="reportannotation",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="only_erased",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- An annotation is final, apart from its author: erasure puts a pseudonym in place of the key, and removes the name.\nBEGIN\n    IF OLD.author_name IS NOT NULL AND NEW.author_name IS NULL\n        AND (pg_catalog.to_jsonb(OLD) OPERATOR(pg_catalog.-) '{author,author_name}'::pg_catalog.text[])\n            OPERATOR(pg_catalog.=)\n            (pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) '{author,author_name}'::pg_catalog.text[])\n    THEN\n        RETURN NEW;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = 'UPDATE on presence_report_annotation is refused: an annotation is final, apart from its author',\n        HINT = 'To correct it, add another one: projections.final_reports.annotating.annotate.';\nEND;",
                    hash="d8110ed45c7c8937dcda2e197f876d62a69513ee",
                    operation="UPDATE",
                    pgid="pgtrigger_only_erased_742eb",
                    table="presence_report_annotation",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.RunSQL(
            sql.read("projections", "functions/presence_erase_projections"), "DROP FUNCTION presence_erase_projections"
        ),
        migrations.RunSQL(
            sql.read("projections", "functions/presence_forget_stays"), "DROP FUNCTION presence_forget_stays"
        ),
        migrations.RunSQL(sql.read("presence_events", "schema/owners_rights"), migrations.RunSQL.noop),
    ]
