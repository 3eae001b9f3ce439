"""Put ``"projections.channels_presence"`` in INSTALLED_APPS in place of ``"channels_presence"`` while you migrate.

Its migrations have the names of the original's, so migrations of a project that depend on them can be applied. The last
one drops the original's tables.
"""

from __future__ import annotations

from django.apps import AppConfig


class ChannelsPresenceConfig(AppConfig):
    name = "projections.channels_presence"
    label = "channels_presence"
    verbose_name = "django-channels-presence"
    default_auto_field = "django.db.models.BigAutoField"
