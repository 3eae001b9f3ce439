from django.conf import settings
from django.db import migrations, models

from presence_events import sql
from presence_events.schema.operations import AddIndexConcurrentlyIfMissing


class Migration(migrations.Migration):
    """Creates the indexes while appends continue. If it is interrupted, run migrate again."""

    atomic = False

    dependencies = [
        ("presence_events", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrentlyIfMissing(
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
        AddIndexConcurrentlyIfMissing(
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
        AddIndexConcurrentlyIfMissing(
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
        migrations.RunSQL(
            sql.read("presence_events", "schema/magnitude_statistics"), "DROP STATISTICS presence_event_magnitude"
        ),
    ]
