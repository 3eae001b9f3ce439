import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("channels_presence", "0002_alter_presence_constraints"),
        ("pghistory", "0007_auto_20250421_0444"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TrackedPresence",
            fields=[],
            options={
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("channels_presence.presence",),
        ),
        migrations.CreateModel(
            name="TrackedPresenceEvent",
            fields=[
                ("pgh_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "channel_name",
                    models.CharField(help_text="Reply channel for connection that is present", max_length=255),
                ),
                ("last_seen", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "pgh_context",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="pghistory.context",
                    ),
                ),
                (
                    "room",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="channels_presence.room",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "pgh_obj",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to="audited.trackedpresence",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="trackedpresence",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "audited_trackedpresenceevent" ("channel_name", "id", "last_seen", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "room_id", "user_id") VALUES (NEW."channel_name", NEW."id", NEW."last_seen", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."room_id", NEW."user_id"); RETURN NULL;',
                    hash="d1007dc6e35e384c701db192b3b8863bcbfeac93",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_f36b5",
                    table="channels_presence_presence",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="trackedpresence",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                    func='INSERT INTO "audited_trackedpresenceevent" ("channel_name", "id", "last_seen", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "room_id", "user_id") VALUES (NEW."channel_name", NEW."id", NEW."last_seen", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."room_id", NEW."user_id"); RETURN NULL;',
                    hash="01ffa5043afbf3d95e84370bfb66015a601cbaa7",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_e4a6d",
                    table="channels_presence_presence",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="trackedpresence",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "audited_trackedpresenceevent" ("channel_name", "id", "last_seen", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "room_id", "user_id") VALUES (OLD."channel_name", OLD."id", OLD."last_seen", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."room_id", OLD."user_id"); RETURN NULL;',
                    hash="05b0c843386ef2cd2b3ca5cf992fd0e2f9eebb7a",
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_0fa21",
                    table="channels_presence_presence",
                    when="AFTER",
                ),
            ),
        ),
    ]
