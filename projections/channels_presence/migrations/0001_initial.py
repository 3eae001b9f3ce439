"""The tables of django-channels-presence, for migrations of projects that refer to them. Most have applied it."""

import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            name="Room",
            fields=[
                ("id", models.AutoField(primary_key=True)),
                ("channel_name", models.CharField(max_length=255, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="Presence",
            fields=[
                ("id", models.AutoField(primary_key=True)),
                ("room", models.ForeignKey(on_delete=models.CASCADE, to="channels_presence.room")),
                ("channel_name", models.CharField(max_length=255)),
                (
                    "user",
                    models.ForeignKey(
                        null=True, on_delete=models.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("last_seen", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
    ]
