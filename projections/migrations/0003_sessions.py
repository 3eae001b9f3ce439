from django.db import migrations, models

import presence_events.schema.json_data
from presence_events import sql


class Migration(migrations.Migration):
    dependencies = [
        ("presence_events", "0002_stays"),
        ("projections", "0002_touches_with_news"),
    ]

    operations = [
        migrations.RunSQL(sql.read("projections", "views/presence_session_v1"), "DROP VIEW presence_session"),
        migrations.RunSQL(
            sql.read("projections", "functions/presence_magnitude_v1"), "DROP FUNCTION presence_magnitude"
        ),
        migrations.RunSQL(sql.read("projections", "functions/presence_lasts_v1"), "DROP FUNCTION presence_lasts"),
        migrations.RunSQL(sql.read("projections", "functions/presence_check_v1"), "DROP FUNCTION presence_check"),
        migrations.RunSQL(sql.read("projections", "functions/presence_at_v1"), "DROP FUNCTION presence_at"),
        migrations.RunSQL(sql.read("projections", "functions/presence_during_v1"), "DROP FUNCTION presence_during"),
        migrations.RunSQL(
            sql.read("projections", "functions/presence_occupancy_v1"), "DROP FUNCTION presence_occupancy"
        ),
        migrations.CreateModel(
            name="PresenceSession",
            fields=[
                (
                    "session",
                    models.BigIntegerField(
                        help_text="The number of the stay. Its presence and its events have the same number.",
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("room", models.TextField(db_collation="C", help_text="The name of the room.")),
                ("channel_name", models.TextField(db_collation="C", help_text="The channel name of the connection.")),
                ("joined_at", models.DateTimeField()),
                ("left_at", models.DateTimeField(help_text="When the stay ended; empty for an open stay.", null=True)),
                (
                    "last_seen",
                    models.DateTimeField(
                        help_text="When the connection was last seen. A pruned connection ended between then and the end of the stay."
                    ),
                ),
                ("is_open", models.BooleanField(help_text="Whether the stay is open.")),
                (
                    "ended_by",
                    models.TextField(
                        choices=[("leave", "Leave"), ("prune", "Prune")],
                        help_text="Leave or prune; empty for an open stay.",
                        null=True,
                    ),
                ),
                (
                    "reason",
                    models.JSONField(
                        decoder=presence_events.schema.json_data.TolerantDecoder,
                        help_text="The reason in the data of the leave or prune, if any.",
                        null=True,
                    ),
                ),
                (
                    "duration",
                    models.DurationField(help_text="From joined_at to left_at; for an open stay, until now."),
                ),
            ],
            options={
                "db_table": "presence_session",
                "ordering": ["joined_at", "session"],
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
    ]
