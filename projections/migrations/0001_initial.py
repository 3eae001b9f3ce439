import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

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
            name="Room",
            fields=[
                (
                    "channel_name",
                    models.TextField(
                        db_collation="C",
                        help_text="The name of the room and of its channel-layer group.",
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("created_at", models.DateTimeField(help_text="When the first connection joined.")),
            ],
            options={
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
            name="Presence",
            fields=[
                ("id", models.BigIntegerField(editable=False, primary_key=True, serialize=False)),
                (
                    "channel_name",
                    models.TextField(db_collation="C", help_text="The channel name of the connection."),
                ),
                ("joined_at", models.DateTimeField()),
                ("last_seen", models.DateTimeField(help_text="The last sign of life: the join, or the latest touch.")),
                ("data", models.JSONField(help_text="JSON that describes the connection.", null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "room",
                    models.ForeignKey(
                        db_column="room",
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="projections.room",
                    ),
                ),
            ],
            options={
                "db_table": "presence",
                "default_permissions": ("view",),
            },
        ),
        migrations.RunSQL(sql.read("projections", "schema/session_sequence"), migrations.RunSQL.noop),
        migrations.RunSQL(sql.read("projections", "schema/storage"), migrations.RunSQL.noop),
        migrations.RunSQL(
            sql.read("projections", "functions/presence_is_referenced_v1"), "DROP FUNCTION presence_is_referenced"
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="room",
            trigger=pgtrigger.compiler.Trigger(
                name="projected_only",
                sql=presence_events.schema.triggers.TriggerSql(
                    condition="WHEN (pg_trigger_depth() = 0)",
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="eff2afb3df315e6a033dbd764aebe89ff36c449d",
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
            trigger=pgtrigger.compiler.Trigger(
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
            trigger=pgtrigger.compiler.Trigger(
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
            trigger=pgtrigger.compiler.Trigger(
                name="fold",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="-- The one fold: applies an event to the projections and lets it into the log only if that changed something.\n--\n-- The position in the log is drawn last, when the row the event changes is locked: the order of positions is then the\n-- order of changes, and a replay in that order gives the same rows. The clock is read under the same lock.\n--\n-- Whoever waits for a lock has read the clock too early: what was a millisecond or more ago is read again.\nDECLARE\n    now timestamptz;\n    created boolean := false;\nBEGIN\n    IF NEW.data = 'null' THEN\n        NEW.data := NULL;\n    END IF;\n    IF NEW.channel_name IS NULL AND NEW.kind IN ('join', 'touch', 'leave') THEN\n        RAISE EXCEPTION USING\n            ERRCODE = 'not_null_violation',\n            MESSAGE = format('a %s needs a channel_name', NEW.kind),\n            HINT = 'Only the prune of a room itself has none.';\n    END IF;\n\n    CASE NEW.kind\n    WHEN 'touch' THEN\n        UPDATE presence\n        SET last_seen = greatest(last_seen, clock_timestamp()), data = coalesce(NEW.data, data)\n        WHERE room = NEW.room AND channel_name = NEW.channel_name AND (NEW.session IS NULL OR id = NEW.session)\n        RETURNING id, user_id, joined_at, last_seen INTO NEW.session, NEW.user_id, NEW.since, NEW.at;\n        IF NOT FOUND THEN\n            RETURN NULL;\n        END IF;\n        IF clock_timestamp() - NEW.at > interval '1 ms' THEN\n            UPDATE presence SET last_seen = clock_timestamp() WHERE id = NEW.session RETURNING last_seen INTO NEW.at;\n        END IF;\n        NEW.last_seen := NULL;\n\n    WHEN 'join' THEN\n        -- Waits for whoever is ending a stay of this connection, so that the next one begins after it.\n        PERFORM FROM presence WHERE room = NEW.room AND channel_name = NEW.channel_name FOR UPDATE;\n        IF FOUND THEN\n            RETURN NULL;\n        END IF;\n        -- Waits for whoever is pruning the room, and then makes it anew.\n        LOOP\n            PERFORM FROM presence_room WHERE channel_name = NEW.room FOR KEY SHARE;\n            now := clock_timestamp();\n            EXIT WHEN FOUND;\n            INSERT INTO presence_room (channel_name, created_at) VALUES (NEW.room, now) ON CONFLICT DO NOTHING;\n            created := FOUND;\n            EXIT WHEN created;\n        END LOOP;\n        INSERT INTO presence (id, room, channel_name, user_id, joined_at, last_seen, data)\n        VALUES (nextval('presence_id_seq'), NEW.room, NEW.channel_name, NEW.user_id, now, now, NEW.data)\n        ON CONFLICT (room, channel_name) DO NOTHING\n        RETURNING id INTO NEW.session;\n        IF NOT FOUND THEN\n            RETURN NULL;\n        END IF;\n        IF clock_timestamp() - now > interval '1 ms' AND NOT created THEN  -- nobody waits in a room just made\n            now := clock_timestamp();\n            UPDATE presence SET joined_at = now, last_seen = now WHERE id = NEW.session;\n        END IF;\n        NEW.since := now;\n        NEW.last_seen := NULL;\n        NEW.at := now;\n\n    WHEN 'leave', 'prune' THEN\n        IF NEW.channel_name IS NOT NULL THEN\n            DELETE FROM presence\n            WHERE room = NEW.room AND channel_name = NEW.channel_name AND (NEW.session IS NULL OR id = NEW.session)\n            RETURNING id, user_id, joined_at, last_seen INTO NEW.session, NEW.user_id, NEW.since, NEW.last_seen;\n            IF NOT FOUND THEN\n                RETURN NULL;\n            END IF;\n            NEW.at := greatest(clock_timestamp(), NEW.last_seen);\n        ELSE\n            -- Two statements: the second sees who joined while the first was waiting for the lock.\n            PERFORM FROM presence_room WHERE channel_name = NEW.room FOR UPDATE;\n            DELETE FROM presence_room AS r\n            WHERE r.channel_name = NEW.room AND NOT EXISTS (SELECT FROM presence AS p WHERE p.room = r.channel_name)\n            RETURNING created_at INTO NEW.since;\n            IF NOT FOUND THEN\n                RETURN NULL;\n            END IF;\n            NEW.session := NULL;\n            NEW.user_id := NULL;\n            NEW.last_seen := NULL;\n            NEW.at := greatest(clock_timestamp(), NEW.since);\n        END IF;\n\n    ELSE\n        RAISE EXCEPTION USING\n            ERRCODE = 'check_violation',\n            MESSAGE = format('%L is not a kind of presence event', NEW.kind),\n            HINT = 'The kinds are join, touch, leave and prune.';\n    END CASE;\n\n    NEW.id := nextval('presence_event_id_seq');\n    NEW.tx := pg_current_xact_id();\n    RETURN NEW;\nEND;",
                    hash="b34f70606274a0168a1bbca702aaa9c82a0c64ef",
                    operation="INSERT",
                    pgid="pgtrigger_fold_72a36",
                    table="presence_event",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(fields=["channel_name"], name="presence_channel_name"),
        ),
        migrations.AddConstraint(
            model_name="presence",
            constraint=models.UniqueConstraint(fields=("room", "channel_name"), name="presence_room_channel_name"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="presence",
            trigger=pgtrigger.compiler.Trigger(
                name="projected_only",
                sql=presence_events.schema.triggers.TriggerSql(
                    condition="WHEN (pg_trigger_depth() = 0)",
                    func="-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.\nBEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format(\n            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME\n        ),\n        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '\n               'Presence.objects.leave_all, or an INSERT into presence_event.';\nEND;",
                    hash="c904389fb72517085243c91766ef355da2de10d9",
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
            trigger=pgtrigger.compiler.Trigger(
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
            trigger=pgtrigger.compiler.Trigger(
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
