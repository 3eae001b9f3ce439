"""Drops the tables of django-channels-presence. It fails, and changes nothing, while foreign keys refer to them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("channels_presence", "0002_alter_presence_constraints")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.DeleteModel("Presence"), migrations.DeleteModel("Room")],
            database_operations=[
                # They may have been dropped by hand.
                migrations.RunSQL("DROP TABLE IF EXISTS channels_presence_presence"),
                migrations.RunSQL("DROP TABLE IF EXISTS channels_presence_room"),
            ],
        )
    ]
