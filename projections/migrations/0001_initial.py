import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

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
                    models.DateTimeField(
                        help_text="The last sign of life: the join, or the latest touch.", verbose_name="last seen"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
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
                "db_table": "presence",
                "permissions": [("end_presence", "Can make connections leave")],
                "default_permissions": ("view",),
            },
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(fields=["channel_name"], name="presence_channel_name"),
        ),
        migrations.AddConstraint(
            model_name="presence",
            constraint=models.UniqueConstraint(fields=("room", "channel_name"), name="presence_room_channel_name"),
        ),
        migrations.RunSQL(sql.read("projections", "schema/session_sequence"), migrations.RunSQL.noop),
        migrations.RunSQL(sql.read("projections", "schema/storage"), migrations.RunSQL.noop),
        migrations.RunSQL(
            sql.read("projections", "functions/presence_is_referenced"), "DROP FUNCTION presence_is_referenced"
        ),
        migrations.RunSQL(sql.read("projections", "views/presence_session"), "DROP VIEW presence_session"),
        migrations.RunSQL(sql.read("projections", "functions/presence_magnitude"), "DROP FUNCTION presence_magnitude"),
        migrations.RunSQL(sql.read("projections", "functions/presence_lasts"), "DROP FUNCTION presence_lasts"),
        migrations.RunSQL(sql.read("projections", "functions/presence_check"), "DROP FUNCTION presence_check"),
        migrations.RunSQL(sql.read("projections", "functions/presence_at"), "DROP FUNCTION presence_at"),
        migrations.RunSQL(sql.read("projections", "functions/presence_during"), "DROP FUNCTION presence_during"),
        migrations.RunSQL(sql.read("projections", "functions/presence_occupancy"), "DROP FUNCTION presence_occupancy"),
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
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="9666c7a31a3bd91002b8a7b45486315d2644af75",
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
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="73fb94152bf1b2484b1ae6041f305a6668117f5d",
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
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Applies an event to the projections, before it is inserted into the log. An event that changes nothing is left out of\n-- the log: the trigger returns NULL.\n--\n-- The position in the log is drawn last, while the row that the event changes is locked. So the order of positions is\n-- the order of changes, and a replay in that order produces the same rows.\n--\n-- The time of the event is read under the same lock. A touch and a join may wait for that lock after they have read the\n-- clock, so they read it again if more than a millisecond has passed.\n--\n-- Functions, operators and types name their schema: an overload in another schema wins if its types match better.\nDECLARE\n    now pg_catalog.timestamptz;\n    created pg_catalog.bool := false;\n    is_repeated pg_catalog.bool;\n    deferrable_keys pg_catalog.text;\n    deferred_keys pg_catalog.text;\n    referring_schema pg_catalog.text;\n    referring_table pg_catalog.text;\n    size pg_catalog.int4;\n    refused pg_catalog.text;\nBEGIN\n    IF NEW.data OPERATOR(pg_catalog.=) 'null'::pg_catalog.jsonb THEN\n        NEW.data := NULL;\n    END IF;\n    -- presence_events.validation applies the same limits earlier. Text that is no longer than 128 bytes is too short for\n    -- too many levels and for a number that is too large. Only a join can bring new names.\n    IF NEW.data IS NOT NULL THEN\n        size := pg_catalog.octet_length(NEW.data::pg_catalog.text);\n        IF size OPERATOR(pg_catalog.>) 8192 THEN\n            refused := pg_catalog.format('data has %s bytes as text, and the limit is 8192', size);\n        ELSIF size OPERATOR(pg_catalog.>) 128\n            AND pg_catalog.jsonb_path_exists(NEW.data, 'strict $.**{65}'::pg_catalog.jsonpath)\n        THEN\n            refused := 'the values of data are nested in more than 64 lists and objects';\n        ELSIF size OPERATOR(pg_catalog.>) 308 AND pg_catalog.jsonb_path_exists(\n            NEW.data,\n            'strict $.** ? (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308)'::pg_catalog.jsonpath\n        ) THEN\n            refused := 'data contains a number that is larger than a floating-point number of 64 bits can be';\n        END IF;\n    END IF;\n    IF NEW.kind OPERATOR(pg_catalog.=) 'join' THEN\n        IF NEW.room OPERATOR(pg_catalog.=) '' OR pg_catalog.octet_length(NEW.room) OPERATOR(pg_catalog.>) 255 THEN\n            refused := 'room has to be a name of 1 to 255 bytes';\n        ELSIF NEW.channel_name OPERATOR(pg_catalog.=) ''\n            OR pg_catalog.octet_length(NEW.channel_name) OPERATOR(pg_catalog.>) 255\n        THEN\n            refused := 'channel_name has to be a name of 1 to 255 bytes';\n        ELSIF pg_catalog.octet_length(NEW.process) OPERATOR(pg_catalog.>) 1024 THEN\n            refused := 'process has to be a name of at most 1024 bytes';\n        END IF;\n    END IF;\n    IF refused IS NOT NULL THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'check_violation',\n            MESSAGE = pg_catalog.format('a %s is refused: %s', NEW.kind, refused),\n            HINT = 'docs/guarantees.md lists the limits of names and data.';\n    END IF;\n    IF NEW.channel_name IS NULL\n        AND NEW.kind OPERATOR(pg_catalog.=) ANY (ARRAY['join', 'touch', 'leave']::pg_catalog.text[])\n    THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'not_null_violation',\n            MESSAGE = pg_catalog.format('a %s needs a channel_name', NEW.kind),\n            HINT = 'Only the prune of a room itself has no channel_name.';\n    END IF;\n\n    CASE\n    WHEN NEW.kind OPERATOR(pg_catalog.=) 'touch' THEN\n        IF NEW.data IS NOT NULL THEN\n            -- A touch with data means that the data changed, so data that is already present is removed from the touch.\n            SELECT data OPERATOR(pg_catalog.=) NEW.data INTO is_repeated FROM presence\n            WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name\n            FOR NO KEY UPDATE;\n            IF is_repeated THEN\n                NEW.data := NULL;\n            END IF;\n        END IF;\n        UPDATE presence\n        SET last_seen = greatest(last_seen, pg_catalog.clock_timestamp()), data = coalesce(NEW.data, data)\n        WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name\n            AND (NEW.session IS NULL OR id OPERATOR(pg_catalog.=) NEW.session)\n        RETURNING id, user_id, joined_at, last_seen INTO NEW.session, NEW.user_id, NEW.since, NEW.at;\n        IF NOT FOUND THEN\n            RETURN NULL;\n        END IF;\n        IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) NEW.at\n            OPERATOR(pg_catalog.>) '1 ms'::pg_catalog.interval\n        THEN\n            UPDATE presence SET last_seen = pg_catalog.clock_timestamp() WHERE id OPERATOR(pg_catalog.=) NEW.session\n            RETURNING last_seen INTO NEW.at;\n        END IF;\n        NEW.last_seen := NULL;\n        NEW.process := NULL;\n\n    WHEN NEW.kind OPERATOR(pg_catalog.=) 'join' THEN\n        -- Waits while another transaction ends a stay of this connection, so the new stay begins after that end.\n        PERFORM FROM presence\n        WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name\n        FOR UPDATE;\n        IF FOUND THEN\n            RETURN NULL;\n        END IF;\n        -- Waits while another transaction prunes the room, and then creates the room again.\n        LOOP\n            SELECT created_at INTO now FROM presence_room\n            WHERE channel_name OPERATOR(pg_catalog.=) NEW.room\n            FOR KEY SHARE;\n            created := NOT FOUND;\n            -- The clock may have been set back. The join does not come before its room.\n            now := greatest(now, pg_catalog.clock_timestamp());\n            EXIT WHEN NOT created;\n            INSERT INTO presence_room (channel_name, created_at) VALUES (NEW.room, now) ON CONFLICT DO NOTHING;\n            created := FOUND;\n            EXIT WHEN created;\n        END LOOP;\n        INSERT INTO presence (id, room, channel_name, user_id, joined_at, last_seen, data, process)\n        VALUES (\n            pg_catalog.nextval('presence_id_seq'::pg_catalog.regclass),\n            NEW.room, NEW.channel_name, NEW.user_id, now, now, NEW.data, NEW.process\n        )\n        ON CONFLICT (room, channel_name) DO NOTHING\n        RETURNING id INTO NEW.session;\n        IF NOT FOUND THEN\n            RETURN NULL;\n        END IF;\n        -- In a room that this join has just created, there was no other join to wait for.\n        IF NOT created\n            AND pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) now\n                OPERATOR(pg_catalog.>) '1 ms'::pg_catalog.interval\n        THEN\n            now := pg_catalog.clock_timestamp();\n            UPDATE presence SET joined_at = now, last_seen = now WHERE id OPERATOR(pg_catalog.=) NEW.session;\n        END IF;\n        NEW.since := now;\n        NEW.last_seen := NULL;\n        NEW.at := now;\n\n    WHEN NEW.kind OPERATOR(pg_catalog.=) ANY (ARRAY['leave', 'prune']::pg_catalog.text[]) THEN\n        IF NEW.channel_name IS NOT NULL THEN\n            DELETE FROM presence\n            WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name\n                AND (NEW.session IS NULL OR id OPERATOR(pg_catalog.=) NEW.session)\n            RETURNING id, user_id, joined_at, last_seen INTO NEW.session, NEW.user_id, NEW.since, NEW.last_seen;\n            IF NOT FOUND THEN\n                RETURN NULL;\n            END IF;\n            NEW.at := greatest(pg_catalog.clock_timestamp(), NEW.last_seen);\n        ELSE\n            -- Two statements, because each has its own snapshot: the second one sees connections that joined while the\n            -- first one waited for the lock.\n            PERFORM FROM presence_room WHERE channel_name OPERATOR(pg_catalog.=) NEW.room FOR UPDATE;\n            IF pg_catalog.current_setting('transaction_isolation')\n                OPERATOR(pg_catalog.<>) ALL (ARRAY['repeatable read', 'serializable']::pg_catalog.text[])\n            THEN\n                DELETE FROM presence_room AS r\n                WHERE r.channel_name OPERATOR(pg_catalog.=) NEW.room\n                    AND NOT EXISTS (SELECT FROM presence AS p WHERE p.room OPERATOR(pg_catalog.=) r.channel_name)\n                RETURNING created_at INTO NEW.since;\n                IF NOT FOUND THEN\n                    RETURN NULL;\n                END IF;\n            ELSE\n                -- Both statements have the snapshot of the transaction, which does not see later joins. Only the check of\n                -- the foreign key of presence does. So it is made after the DELETE, not at the commit. The foreign keys\n                -- of other tables are checked when their transaction wants it, and fail as they would without this.\n                BEGIN\n                    DELETE FROM presence_room AS r\n                    WHERE r.channel_name OPERATOR(pg_catalog.=) NEW.room\n                        AND NOT EXISTS (SELECT FROM presence AS p WHERE p.room OPERATOR(pg_catalog.=) r.channel_name)\n                    RETURNING created_at INTO NEW.since;\n                    IF NOT FOUND THEN\n                        RETURN NULL;\n                    END IF;\n                    SELECT\n                        pg_catalog.string_agg(pg_catalog.format('%I.%I', nspname, conname), ', '),\n                        pg_catalog.string_agg(pg_catalog.format('%I.%I', nspname, conname), ', ')\n                            FILTER (WHERE c.condeferred)\n                    INTO deferrable_keys, deferred_keys\n                    FROM pg_catalog.pg_constraint AS c\n                    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.connamespace\n                    WHERE c.conrelid OPERATOR(pg_catalog.=) 'presence'::pg_catalog.regclass\n                        AND c.confrelid OPERATOR(pg_catalog.=) 'presence_room'::pg_catalog.regclass\n                        AND c.condeferrable;\n                    IF deferrable_keys IS NOT NULL THEN\n                        EXECUTE pg_catalog.concat('SET CONSTRAINTS ', deferrable_keys, ' IMMEDIATE');\n                    END IF;\n                EXCEPTION WHEN foreign_key_violation THEN\n                    GET STACKED DIAGNOSTICS referring_schema := SCHEMA_NAME, referring_table := TABLE_NAME;\n                    IF referring_schema OPERATOR(pg_catalog.<>) TG_TABLE_SCHEMA::pg_catalog.text\n                        OR referring_table OPERATOR(pg_catalog.<>) 'presence'\n                    THEN\n                        RAISE;\n                    END IF;\n                    RAISE EXCEPTION USING\n                        ERRCODE = 'serialization_failure',\n                        MESSAGE = 'could not serialize: the snapshot does not see who is in the room',\n                        HINT = 'Repeat the transaction.';\n                END;\n                IF deferred_keys IS NOT NULL THEN\n                    EXECUTE pg_catalog.concat('SET CONSTRAINTS ', deferred_keys, ' DEFERRED');\n                END IF;\n            END IF;\n            NEW.session := NULL;\n            NEW.user_id := NULL;\n            NEW.last_seen := NULL;\n            NEW.at := greatest(pg_catalog.clock_timestamp(), NEW.since);\n        END IF;\n        NEW.process := NULL;\n\n    ELSE\n        RAISE EXCEPTION USING\n            ERRCODE = 'check_violation',\n            MESSAGE = pg_catalog.format('%L is not a kind of presence event', NEW.kind),\n            HINT = 'The kinds are join, touch, leave and prune.';\n    END CASE;\n\n    NEW.id := pg_catalog.nextval('presence_event_id_seq'::pg_catalog.regclass);\n    NEW.tx := pg_catalog.pg_current_xact_id();\n    RETURN NEW;\nEND;",
                    hash="681619f080cd8ed322ebc26ae1e31593b987b691",
                    operation="INSERT",
                    pgid="pgtrigger_fold_72a36",
                    table="presence_event",
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
                    hash="5dddf19580779b6eb008397137b5a4b575208a3b",
                    level="STATEMENT",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_projected_only_1a7ae",
                    table="presence",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="presence",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="names_are_final",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="974fef5308d6f4ac8e18039e68a2051630572932",
                    level="STATEMENT",
                    operation='UPDATE OF "id", "room", "channel_name"',
                    pgid="pgtrigger_names_are_final_400c9",
                    table="presence",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="presence",
            trigger=presence_events.schema.triggers.InstalledTrigger(
                name="never_truncated",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="7a3a340e911267ccf3abfcfc4cd90140916d0563",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_never_truncated_ea5ea",
                    table="presence",
                    when="BEFORE",
                ),
            ),
        ),
    ]
