"""A fork of django-channels-presence has a migration of this name. Nothing depends on what it changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("channels_presence", "0001_initial")]
    operations = []
