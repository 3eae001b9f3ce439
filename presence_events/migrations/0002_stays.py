from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Appends go on meanwhile. Interrupted, it leaves an index that is not valid: drop that, and migrate again."""

    atomic = False

    dependencies = [
        ("presence_events", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="presenceevent",
            index=models.Index(
                models.F("room"),
                models.Func(
                    models.F("at"),
                    models.F("since"),
                    arg_joiner=" - ",
                    output_field=models.IntegerField(),
                    template="width_bucket(date_part('epoch', %(expressions)s), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[])",
                ),
                models.F("at"),
                models.F("since"),
                condition=models.Q(("kind__in", ["leave", "prune"]), ("session__isnull", False)),
                name="presence_event_room_stay",
            ),
        ),
        AddIndexConcurrently(
            model_name="presenceevent",
            index=models.Index(
                models.F("user"),
                models.Func(
                    models.F("at"),
                    models.F("since"),
                    arg_joiner=" - ",
                    output_field=models.IntegerField(),
                    template="width_bucket(date_part('epoch', %(expressions)s), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[])",
                ),
                models.F("at"),
                models.F("since"),
                condition=models.Q(
                    ("kind__in", ["leave", "prune"]), ("session__isnull", False), ("user__isnull", False)
                ),
                name="presence_event_user_stay",
            ),
        ),
        AddIndexConcurrently(
            model_name="presenceevent",
            index=models.Index(
                models.Func(
                    models.F("at"),
                    models.F("since"),
                    arg_joiner=" - ",
                    output_field=models.IntegerField(),
                    template="width_bucket(date_part('epoch', %(expressions)s), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[])",
                ),
                models.F("at"),
                models.F("since"),
                condition=models.Q(("kind__in", ["leave", "prune"]), ("session__isnull", False)),
                name="presence_event_stay",
            ),
        ),
    ]
