import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

import presence_events.schema.fields
import presence_events.schema.triggers
from presence_events import sql


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PresenceEvent",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        editable=False, help_text="Position in the log.", primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.TextField(
                        choices=[("join", "Join"), ("touch", "Touch"), ("leave", "Leave"), ("prune", "Prune")]
                    ),
                ),
                ("room", models.TextField(db_collation="C", help_text="The name of the room.")),
                (
                    "channel_name",
                    models.TextField(
                        db_collation="C",
                        help_text="The channel name of the connection; empty if the room itself was pruned.",
                        null=True,
                    ),
                ),
                (
                    "session",
                    models.BigIntegerField(
                        help_text="The number of the stay. All events of one stay share it.",
                        null=True,
                    ),
                ),
                ("since", models.DateTimeField(help_text="When the stay began.")),
                (
                    "last_seen",
                    models.DateTimeField(
                        help_text="For leave and prune: when the connection was last seen. It ended between then and the time of the event.",
                        null=True,
                    ),
                ),
                (
                    "data",
                    models.JSONField(
                        help_text="For join and touch: JSON that describes the connection. For leave and prune: the reason.",
                        null=True,
                    ),
                ),
                ("at", models.DateTimeField(help_text="When the event happened, by the clock of the database.")),
                (
                    "tx",
                    presence_events.schema.fields.TransactionIdField(
                        help_text="The transaction that appended the event."
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
                    ),
                ),
            ],
            options={
                "db_table": "presence_event",
                "ordering": ["id"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("kind", "touch"), _negated=True),
                        fields=["room", "id"],
                        name="presence_event_room",
                    ),
                    models.Index(
                        condition=models.Q(models.Q(("kind", "touch"), _negated=True), ("user__isnull", False)),
                        fields=["user", "id"],
                        name="presence_event_user",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["join", "touch", "leave", "prune"])),
                        name="presence_event_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("channel_name__isnull", False), ("session__isnull", False)),
                            models.Q(("channel_name__isnull", True), ("kind", "prune"), ("session__isnull", True)),
                            _connector="OR",
                        ),
                        name="presence_event_channel",
                    ),
                ],
            },
        ),
        migrations.RunSQL(sql.read("presence_events", "schema/position_sequence"), migrations.RunSQL.noop),
        pgtrigger.migrations.AddTrigger(
            model_name="presenceevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=presence_events.schema.triggers.TriggerSql(
                    func="BEGIN\n    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.\n    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)\n        OPERATOR(pg_catalog.=) pg_catalog.current_database()\n    THEN\n        RETURN NULL;\n    END IF;\n    RAISE EXCEPTION USING\n        ERRCODE = 'integrity_constraint_violation',\n        MESSAGE = pg_catalog.format('%s on %s is refused: the presence log is append-only', TG_OP, TG_TABLE_NAME),\n        HINT = 'To end a stay, record a leave or a prune. To remove old events, see docs/guarantees.md.';\nEND;",
                    hash="a934c490cd9a6bdf07e23edf82933c7cbc865089",
                    level="STATEMENT",
                    operation="UPDATE OR DELETE OR TRUNCATE",
                    pgid="pgtrigger_append_only_6794e",
                    table="presence_event",
                    when="BEFORE",
                ),
            ),
        ),
    ]
