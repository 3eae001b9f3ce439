import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

import presence_events.schema.fields
import presence_events.schema.json_data
import presence_events.schema.triggers
from presence_events import sql


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False, verbose_name="name")),
                ("mark", models.JSONField(help_text="How far the log has been read.", verbose_name="mark")),
                (
                    "cluster",
                    models.BigIntegerField(
                        help_text="The database cluster for which the mark is valid.", verbose_name="cluster"
                    ),
                ),
                (
                    "moved_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="moved at"),
                ),
            ],
            options={
                "verbose_name": "checkpoint",
                "verbose_name_plural": "checkpoints",
                "db_table": "presence_checkpoint",
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="PresenceEvent",
            fields=[
                (
                    "id",
                    presence_events.schema.fields.PositionField(
                        editable=False,
                        help_text="Position in the log.",
                        primary_key=True,
                        serialize=False,
                        verbose_name="position",
                    ),
                ),
                (
                    "since",
                    models.DateTimeField(help_text="When the stay, the room or the lease began.", verbose_name="since"),
                ),
                (
                    "at",
                    models.DateTimeField(
                        help_text="When the event happened, by the clock of the database.", verbose_name="time"
                    ),
                ),
                (
                    "tx",
                    presence_events.schema.fields.TransactionIdField(
                        help_text="The transaction that appended the event.", verbose_name="transaction"
                    ),
                ),
                (
                    "session",
                    models.BigIntegerField(
                        help_text="The number of the stay. All events of one stay share it. It is negative without history.",
                        null=True,
                        verbose_name="session",
                    ),
                ),
                (
                    "last_seen",
                    models.DateTimeField(
                        help_text="For leave and prune: when the connection was last seen. It ended between then and the time of the event.",
                        null=True,
                        verbose_name="last seen",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        help_text="The user; empty for anonymous connections. The value remains after the user is deleted.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
                (
                    "day",
                    models.DateField(
                        db_default=django.db.models.expressions.RawSQL(
                            "(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')::pg_catalog.date", ()
                        ),
                        editable=False,
                        help_text="The day on which the event was appended, in UTC. It decides the segment.",
                        verbose_name="day",
                    ),
                ),
                (
                    "capacity",
                    models.IntegerField(
                        help_text="For join: how many people the room could have with this one, if that was limited.",
                        null=True,
                        verbose_name="capacity",
                    ),
                ),
                (
                    "is_leased",
                    models.BooleanField(
                        help_text="For join and touch: whether the stay depends on the lease of the process; empty if unchanged.",
                        null=True,
                        verbose_name="leased",
                    ),
                ),
                (
                    "is_exclusive",
                    models.BooleanField(
                        help_text="For join: yes if the user could have no other connection in the room. For leave: yes if the stay ended for such a join. Otherwise empty.",
                        null=True,
                        verbose_name="exclusive",
                    ),
                ),
                (
                    "kind",
                    models.TextField(
                        choices=[("join", "Join"), ("touch", "Touch"), ("leave", "Leave"), ("prune", "Prune")],
                        verbose_name="kind",
                    ),
                ),
                (
                    "room",
                    models.TextField(
                        db_collation="C",
                        help_text="The name of the room; empty for events of a server process.",
                        verbose_name="room",
                    ),
                ),
                (
                    "channel_name",
                    models.TextField(
                        db_collation="C",
                        help_text="The channel name of the connection; empty for the prune of a room and for events of a process.",
                        null=True,
                        verbose_name="connection",
                    ),
                ),
                (
                    "process",
                    models.TextField(
                        db_collation="C",
                        help_text="For join: the server process that has claimed the connection, if any. For its own events: itself.",
                        null=True,
                        verbose_name="process",
                    ),
                ),
                (
                    "data",
                    models.JSONField(
                        decoder=presence_events.schema.json_data.TolerantDecoder,
                        help_text="For join and touch: JSON that describes the connection. For leave and prune: the reason.",
                        null=True,
                        verbose_name="data",
                    ),
                ),
                (
                    "commitment",
                    models.TextField(
                        db_collation="C",
                        help_text="Of an event that was erased: a hash that stands for the user and the data that it had.",
                        null=True,
                        verbose_name="commitment",
                    ),
                ),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "db_table": "presence_event",
                "ordering": ["id"],
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("channel_name__isnull", False), ("session__isnull", False)),
                            models.Q(("channel_name__isnull", True), ("kind", "prune"), ("session__isnull", True)),
                            models.Q(
                                ("channel_name__isnull", True),
                                ("kind__in", ["touch", "prune"]),
                                ("process__isnull", False),
                                ("room", ""),
                                ("session__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="presence_event_subject",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Segment",
            fields=[
                (
                    "name",
                    models.TextField(
                        help_text="The name of the table.", primary_key=True, serialize=False, verbose_name="name"
                    ),
                ),
                (
                    "part",
                    models.TextField(
                        choices=[("touches", "touches"), ("stays", "stays")],
                        help_text="Touches, or stays: joins, leaves and prunes.",
                        verbose_name="part",
                    ),
                ),
                (
                    "first_day",
                    models.DateField(
                        help_text="In UTC; empty for the beginning of the log.", null=True, verbose_name="first day"
                    ),
                ),
                (
                    "end_day",
                    models.DateField(
                        help_text="The day after the last one; empty for the last segment.",
                        null=True,
                        verbose_name="end",
                    ),
                ),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("open", "open"),
                            ("closed", "closed"),
                            ("leaving", "leaving"),
                            ("removed", "removed"),
                        ],
                        verbose_name="state",
                    ),
                ),
                (
                    "events",
                    models.BigIntegerField(
                        help_text="How many it contains; empty until it is closed.", null=True, verbose_name="events"
                    ),
                ),
                ("first_id", models.BigIntegerField(null=True, verbose_name="first position")),
                ("last_id", models.BigIntegerField(null=True, verbose_name="last position")),
                ("first_at", models.DateTimeField(null=True, verbose_name="first time")),
                ("last_at", models.DateTimeField(null=True, verbose_name="last time")),
                (
                    "first_since",
                    models.DateTimeField(
                        help_text="The earliest beginning of a stay that an event belongs to.",
                        null=True,
                        verbose_name="since",
                    ),
                ),
            ],
            options={
                "verbose_name": "segment",
                "verbose_name_plural": "segments",
                "db_table": "presence_segment",
                "managed": False,
                "ordering": ["part", models.OrderBy(models.F("first_day"), nulls_first=True)],
                "default_permissions": ("view",),
                "indexes": [],
                "constraints": [],
            },
        ),
        migrations.CreateModel(
            name="Removal",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="time")),
                (
                    "by",
                    models.TextField(
                        db_default=django.db.models.expressions.RawSQL("SESSION_USER", ()),
                        help_text="The role that was logged in to the database.",
                        verbose_name="by",
                    ),
                ),
                (
                    "operator",
                    models.TextField(
                        blank=True, help_text="The user of the operating system, if known.", verbose_name="operator"
                    ),
                ),
                ("segment", models.TextField(help_text="The name of the table.", verbose_name="segment")),
                ("part", models.TextField(choices=[("touches", "touches"), ("stays", "stays")], verbose_name="part")),
                ("first_day", models.DateField(null=True, verbose_name="first day")),
                ("end_day", models.DateField(help_text="The day after the last one.", verbose_name="end")),
                ("first_id", models.BigIntegerField(null=True, verbose_name="first position")),
                ("last_id", models.BigIntegerField(null=True, verbose_name="last position")),
                ("first_at", models.DateTimeField(null=True, verbose_name="first time")),
                ("last_at", models.DateTimeField(null=True, verbose_name="last time")),
                (
                    "events",
                    models.JSONField(help_text="How many events of each kind the segment had.", verbose_name="events"),
                ),
                (
                    "horizon",
                    models.DateTimeField(
                        help_text="The horizon of the part after the removal.", null=True, verbose_name="horizon"
                    ),
                ),
                (
                    "baseline",
                    models.BigIntegerField(
                        help_text="The position at which a replay begins after the removal.", verbose_name="baseline"
                    ),
                ),
                (
                    "archive",
                    models.TextField(
                        help_text="The SHA-256 of the manifests of its days, if the segment was archived first.",
                        null=True,
                        verbose_name="archive",
                    ),
                ),
            ],
            options={
                "verbose_name": "removal",
                "verbose_name_plural": "removals",
                "db_table": "presence_removal",
                "ordering": ["id"],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.TextField(verbose_name="name")),
                (
                    "from_day",
                    models.DateField(
                        help_text="In UTC; empty for all that is in the log.", null=True, verbose_name="from day"
                    ),
                ),
                (
                    "placed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="placed at"
                    ),
                ),
                (
                    "placed_by",
                    models.TextField(
                        db_default=django.db.models.expressions.RawSQL("SESSION_USER", ()), verbose_name="placed by"
                    ),
                ),
                ("released_at", models.DateTimeField(null=True, verbose_name="released at")),
                ("released_by", models.TextField(null=True, verbose_name="released by")),
            ],
            options={
                "verbose_name": "hold",
                "verbose_name_plural": "holds",
                "db_table": "presence_hold",
                "ordering": ["id"],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("released_at__isnull", True)),
                        fields=("name",),
                        name="presence_hold_in_force",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("released_at__isnull", True), ("released_by__isnull", True)),
                            models.Q(("released_at__isnull", False), ("released_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="presence_hold_release",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_segment_guard"),
            "DROP FUNCTION presence_segment_guard CASCADE",
        ),
        migrations.RunSQL(sql.read("presence_events", "schema/segments"), "DROP TABLE presence_segment"),
        migrations.RunSQL(sql.read("presence_events", "functions/presence_horizon"), "DROP FUNCTION presence_horizon"),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_after_horizon"), "DROP FUNCTION presence_after_horizon"
        ),
        migrations.RunSQL(sql.read("presence_events", "schema/partitions"), migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="presenceevent",
            index=models.Index(
                condition=models.Q(("kind", "touch"), _negated=True),
                fields=["room", "id"],
                name="presence_event_room",
            ),
        ),
        migrations.AddIndex(
            model_name="presenceevent",
            index=models.Index(
                condition=models.Q(models.Q(("kind", "touch"), _negated=True), ("user__isnull", False)),
                fields=["user", "id"],
                name="presence_event_user",
            ),
        ),
        migrations.AddIndex(
            model_name="presenceevent",
            index=models.Index(condition=models.Q(("room", "")), fields=["id"], name="presence_event_process"),
        ),
        migrations.AddIndex(
            model_name="presenceevent",
            index=models.Index(
                condition=models.Q(
                    ("commitment__isnull", True),
                    ("session__lt", 0),
                    models.Q(("user__isnull", False), ("data__isnull", False), _connector="OR"),
                ),
                fields=["session"],
                name="presence_event_remembered",
            ),
        ),
        migrations.AddIndex(
            model_name="presenceevent",
            index=models.Index(
                models.F("room"),
                models.Func(
                    models.F("at"),
                    models.F("since"),
                    arg_joiner=" - ",
                    output_field=models.IntegerField(),
                    template="pg_catalog.width_bucket(pg_catalog.date_part('epoch', %(expressions)s), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[])",
                ),
                models.F("at"),
                models.F("since"),
                condition=models.Q(
                    ("kind__in", ["leave", "prune"]), ("session__isnull", False), ("room__isnull", False)
                ),
                name="presence_event_room_stay",
            ),
        ),
        migrations.AddIndex(
            model_name="presenceevent",
            index=models.Index(
                models.F("user"),
                models.Func(
                    models.F("at"),
                    models.F("since"),
                    arg_joiner=" - ",
                    output_field=models.IntegerField(),
                    template="pg_catalog.width_bucket(pg_catalog.date_part('epoch', %(expressions)s), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[])",
                ),
                models.F("at"),
                models.F("since"),
                condition=models.Q(
                    ("kind__in", ["leave", "prune"]), ("session__isnull", False), ("user__isnull", False)
                ),
                name="presence_event_user_stay",
            ),
        ),
        migrations.AddIndex(
            model_name="presenceevent",
            index=models.Index(
                models.Func(
                    models.F("at"),
                    models.F("since"),
                    arg_joiner=" - ",
                    output_field=models.IntegerField(),
                    template="pg_catalog.width_bucket(pg_catalog.date_part('epoch', %(expressions)s), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[])",
                ),
                models.F("at"),
                models.F("since"),
                condition=models.Q(
                    ("kind__in", ["leave", "prune"]), ("session__isnull", False), ("at__gte", models.F("since"))
                ),
                name="presence_event_stay",
            ),
        ),
        migrations.RunSQL(sql.read("presence_events", "schema/position_sequence"), migrations.RunSQL.noop),
        migrations.RunSQL(
            sql.read("presence_events", "schema/magnitude_statistics"), "DROP STATISTICS presence_event_magnitude"
        ),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_create_segment"), "DROP FUNCTION presence_create_segment"
        ),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_attach_segment"), "DROP FUNCTION presence_attach_segment"
        ),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_make_segment"), "DROP FUNCTION presence_make_segment"
        ),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_divide_segment"), "DROP FUNCTION presence_divide_segment"
        ),
        migrations.RunSQL(sql.read("presence_events", "schema/first_segments"), migrations.RunSQL.noop),
        migrations.RunSQL(sql.read("presence_events", "schema/pseudonym_key"), "DROP TABLE presence_pseudonym_key"),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_forget_pseudonyms"),
            "DROP FUNCTION presence_forget_pseudonyms",
        ),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_pseudonym"), "DROP FUNCTION presence_pseudonym"
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="presenceevent",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="append_only",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the presence log is append-only', TG_OP, TG_TABLE_NAME),\n        HINT = 'To end a stay, record a leave or a prune. To remove old events, see Retention in the documentation.';\nEND;",
                    hash="768360e710f483c6d1fc6c1c20dd743c75565b91",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE OR TRUNCATE",
                    pgid="pgtrigger_append_only_6794e",
                    table="presence_event",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="hold",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="permanent",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),\n        HINT = 'To release a hold, run manage.py presence_retention --release.';\nEND;",
                    hash="91e09aacaa354bb9b2778b61e4aab5afd8bd6a57",
                    level="STATEMENT",
                    operation="DELETE OR TRUNCATE",
                    pgid="pgtrigger_permanent_09448",
                    table="presence_hold",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="hold",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="released_once",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- A hold in force can be released, and nothing else of it can change.\nBEGIN\n    IF OLD.released_at IS NULL AND NEW.released_at IS NOT NULL\n        AND (pg_catalog.to_jsonb(OLD) OPERATOR(pg_catalog.-) '{released_at,released_by}'::pg_catalog.text[])\n            OPERATOR(pg_catalog.=)\n            (pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) '{released_at,released_by}'::pg_catalog.text[])\n    THEN\n        RETURN NEW;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = 'UPDATE on presence_hold is refused: a hold can only be released, once',\n        HINT = 'Place another hold with manage.py presence_retention --hold.';\nEND;",
                    hash="c1ab2c176930f9a5ae2a6abb2d5479c597435b20",
                    operation="UPDATE",
                    pgid="pgtrigger_released_once_c14a0",
                    table="presence_hold",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="removal",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="permanent",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),\n        HINT = 'To release a hold, run manage.py presence_retention --release.';\nEND;",
                    hash="945097d9480a8e5a9854ea00522226ecae4de1a4",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE OR TRUNCATE",
                    pgid="pgtrigger_permanent_2926e",
                    table="presence_removal",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.CreateModel(
            name="SealKey",
            fields=[
                (
                    "subject",
                    models.TextField(db_collation="C", primary_key=True, serialize=False, verbose_name="subject"),
                ),
                ("key", models.BinaryField(verbose_name="key")),
            ],
            options={
                "verbose_name": "key of a subject",
                "verbose_name_plural": "keys of subjects",
                "db_table": "presence_seal_key",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="StoredSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="number")),
                (
                    "up_to",
                    models.BigIntegerField(
                        help_text="The last position that is sealed.", unique=True, verbose_name="up to"
                    ),
                ),
                ("text", models.TextField(help_text="The seal, as it is signed.", verbose_name="text")),
                (
                    "marks",
                    models.BinaryField(
                        help_text="The first bytes of the hash of each event, to find the one that differs.",
                        verbose_name="marks",
                    ),
                ),
                ("signature", models.BinaryField(null=True, verbose_name="signature")),
                ("public_key", models.BinaryField(null=True, verbose_name="public key")),
            ],
            options={
                "verbose_name": "seal",
                "verbose_name_plural": "seals",
                "db_table": "presence_seal",
                "ordering": ["number"],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="SealTimestamp",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="number")),
                (
                    "response",
                    models.BinaryField(help_text="The response as RFC 3161 defines it.", verbose_name="response"),
                ),
            ],
            options={
                "verbose_name": "time stamp of a seal",
                "verbose_name_plural": "time stamps of seals",
                "db_table": "presence_seal_timestamp",
                "ordering": ["number"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Anchor",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False, verbose_name="name")),
                (
                    "last_seal",
                    models.BigIntegerField(
                        default=0,
                        help_text="The number of the last seal that it has; 0 if it has none.",
                        verbose_name="last seal",
                    ),
                ),
                (
                    "failure",
                    models.TextField(
                        blank=True,
                        help_text="Why the last attempt failed; empty if it did not.",
                        verbose_name="failure",
                    ),
                ),
                ("failing_since", models.DateTimeField(null=True, verbose_name="failing since")),
            ],
            options={
                "verbose_name": "anchor of seals",
                "verbose_name_plural": "anchors of seals",
                "db_table": "presence_anchor",
                "ordering": ["name"],
                "default_permissions": ("view",),
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="hold",
            name="permanent",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="removal",
            name="permanent",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="hold",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="permanent",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),\n        HINT = 'To release a hold, run manage.py presence_retention --release.';\nEND;",
                    hash="91e09aacaa354bb9b2778b61e4aab5afd8bd6a57",
                    level="STATEMENT",
                    operation="DELETE OR TRUNCATE",
                    pgid="pgtrigger_permanent_09448",
                    table="presence_hold",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="removal",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="permanent",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),\n        HINT = 'To release a hold, run manage.py presence_retention --release.';\nEND;",
                    hash="945097d9480a8e5a9854ea00522226ecae4de1a4",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE OR TRUNCATE",
                    pgid="pgtrigger_permanent_2926e",
                    table="presence_removal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="sealkey",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="permanent",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),\n        HINT = 'To release a hold, run manage.py presence_retention --release.';\nEND;",
                    hash="63a9baa541433c94f3045a68e34f40ab2242b7c6",
                    level="STATEMENT",
                    operation="UPDATE OR TRUNCATE",
                    pgid="pgtrigger_permanent_95b7b",
                    table="presence_seal_key",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="storedseal",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="permanent",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),\n        HINT = 'To release a hold, run manage.py presence_retention --release.';\nEND;",
                    hash="8a5470d97c5b606f2fc6f7d00846d7e80f92b3b6",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE OR TRUNCATE",
                    pgid="pgtrigger_permanent_98da1",
                    table="presence_seal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="sealtimestamp",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="permanent",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),\n        HINT = 'To release a hold, run manage.py presence_retention --release.';\nEND;",
                    hash="6863dec5ae011d12da5590d8c109c65c139e8e56",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE OR TRUNCATE",
                    pgid="pgtrigger_permanent_f4819",
                    table="presence_seal_timestamp",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="time")),
                (
                    "tx",
                    presence_events.schema.fields.TransactionIdField(
                        help_text="The transaction that erased.", verbose_name="transaction"
                    ),
                ),
                (
                    "by",
                    models.TextField(
                        db_default=django.db.models.expressions.RawSQL("SESSION_USER", ()),
                        help_text="The role that was logged in to the database.",
                        verbose_name="by",
                    ),
                ),
                (
                    "operator",
                    models.TextField(
                        blank=True, help_text="The user of the operating system, if known.", verbose_name="operator"
                    ),
                ),
                ("segment", models.TextField(help_text="The name of the table.", verbose_name="segment")),
                (
                    "events",
                    models.BigIntegerField(
                        help_text="How many events were erased that had not been erased before.", verbose_name="events"
                    ),
                ),
            ],
            options={
                "verbose_name": "erasure",
                "verbose_name_plural": "erasures",
                "db_table": "presence_erasure",
                "ordering": ["id"],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ErasureInProgress",
            fields=[
                ("person", models.TextField(db_collation="C", primary_key=True, serialize=False)),
                ("pseudonym", models.TextField(db_collation="C", unique=True)),
                ("begun_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "presence_erasing",
                "default_permissions": (),
            },
        ),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_commitment"), "DROP FUNCTION presence_commitment"
        ),
        migrations.RunSQL(sql.read("presence_events", "functions/presence_subject"), "DROP FUNCTION presence_subject"),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_begin_erasure"), "DROP FUNCTION presence_begin_erasure"
        ),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_erase_events"), "DROP FUNCTION presence_erase_events"
        ),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_record_erasure"), "DROP FUNCTION presence_record_erasure"
        ),
        migrations.RunSQL(
            sql.read("presence_events", "functions/presence_end_erasure"), "DROP FUNCTION presence_end_erasure"
        ),
        migrations.RunSQL(sql.read("presence_events", "schema/owners_rights"), migrations.RunSQL.noop),
        pgtrigger.migrations.AddTrigger(
            model_name="presenceevent",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="erased_only",
                sql=presence_events.schema.triggers.PartitionsTriggerSql(
                    func="-- An UPDATE of an event erases a person, and nothing else. The pseudonym of an erasure that has begun takes the place of\n-- the user, or the user stays, or a stay without history loses its user. An empty object takes the place of the data. The\n-- commitment stays, or stands for what was there.\nDECLARE\n    is_erased pg_catalog.bool;\nBEGIN\n    SELECT\n        NEW.commitment OPERATOR(pg_catalog.=) coalesce(OLD.commitment, (\n            SELECT presence_commitment(k.key, OLD.id, OLD.user_id::pg_catalog.text, OLD.data::pg_catalog.text)\n            FROM presence_seal_key AS k\n            WHERE k.subject OPERATOR(pg_catalog.=)\n                presence_subject(OLD.user_id::pg_catalog.text, OLD.session, OLD.id)\n        ))\n        AND (\n            NEW.user_id OPERATOR(pg_catalog.=) OLD.user_id\n            OR NEW.user_id IS NULL AND (OLD.user_id IS NULL OR OLD.session OPERATOR(pg_catalog.<) 0)\n            OR EXISTS (\n                SELECT FROM presence_erasing AS e\n                WHERE e.person OPERATOR(pg_catalog.=) OLD.user_id::pg_catalog.text\n                    AND e.pseudonym OPERATOR(pg_catalog.=) NEW.user_id::pg_catalog.text\n            )\n        )\n        AND (\n            NEW.data IS NULL AND OLD.data IS NULL\n            OR NEW.data OPERATOR(pg_catalog.=) '{}'::pg_catalog.jsonb AND OLD.data IS NOT NULL\n        )\n        AND pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) '{user_id,data,commitment}'::pg_catalog.text[]\n            OPERATOR(pg_catalog.=)\n            (pg_catalog.to_jsonb(OLD) OPERATOR(pg_catalog.-) '{user_id,data,commitment}'::pg_catalog.text[])\n    INTO is_erased;\n    IF is_erased THEN\n        RETURN NEW;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('UPDATE on %s is refused: the presence log is append-only', TG_TABLE_NAME),\n        HINT = 'Events change only to erase a person, or to forget a stay without history. See Privacy in the documentation.';\nEND;",
                    hash="f57741052658139fde053cad073c657888d5fb9f",
                    operation="UPDATE",
                    pgid="pgtrigger_erased_only_d477e",
                    table="presence_event",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="erasure",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="permanent",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),\n        HINT = 'To release a hold, run manage.py presence_retention --release.';\nEND;",
                    hash="35b88addfaa57ec97a426e543a64d4bfeccb57e6",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE OR TRUNCATE",
                    pgid="pgtrigger_permanent_a9542",
                    table="presence_erasure",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="sealkey",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="forgotten",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- A key is deleted at the end of the erasure of its person, and that of a stay without history when no event of the stay\n-- has a user or data any more.\nBEGIN\n    IF EXISTS (\n        SELECT FROM presence_erasing AS e\n        WHERE OLD.subject OPERATOR(pg_catalog.=) pg_catalog.concat('user:', e.person)\n    ) OR OLD.subject OPERATOR(pg_catalog.~) '^session:-[0-9]+$' AND NOT EXISTS (\n        SELECT FROM presence_event\n        WHERE session OPERATOR(pg_catalog.=) pg_catalog.substr(OLD.subject, 9)::pg_catalog.int8\n            -- The event is of a stay without history, and has a user or data. The index presence_event_remembered has these.\n            AND session OPERATOR(pg_catalog.<) 0 AND commitment IS NULL AND (user_id IS NOT NULL OR data IS NOT NULL)\n    ) THEN\n        RETURN OLD;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = 'DELETE on presence_seal_key is refused: the rows of this table are permanent',\n        HINT = 'A key is deleted only when its person is erased, or its stay is forgotten. See Privacy in the documentation.';\nEND;",
                    hash="f1e34d1a94a60c7f2d9462d47f94e3e341b8c863",
                    operation="DELETE",
                    pgid="pgtrigger_forgotten_c7c14",
                    table="presence_seal_key",
                    when="BEFORE",
                ),
            ),
        ),
    ]
