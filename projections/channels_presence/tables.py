"""The tables of django-channels-presence, to read from. They have models even if no such app is installed."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import connections, models

__all__ = ["OldPresence", "OldRoom", "exist"]

_registry = Apps()


class OldRoom(models.Model):
    """A room of the original."""

    id = models.BigIntegerField(primary_key=True)
    channel_name = models.CharField(max_length=255)

    class Meta:
        apps = _registry
        app_label = "channels_presence"
        db_table = "channels_presence_room"
        managed = False

    def __str__(self) -> str:
        return self.channel_name


class OldPresence(models.Model):
    """A presence of the original. ``user_id`` is the key as the driver returns it."""

    id = models.BigIntegerField(primary_key=True)
    room = models.ForeignKey(OldRoom, on_delete=models.DO_NOTHING)
    channel_name = models.CharField(max_length=255)
    user_id = models.TextField(null=True)
    last_seen = models.DateTimeField()

    class Meta:
        apps = _registry
        app_label = "channels_presence"
        db_table = "channels_presence_presence"
        managed = False

    def __str__(self) -> str:
        return self.channel_name


def exist(alias: str) -> bool:
    """Returns whether the database ``alias`` has both tables."""
    with connections[alias].cursor() as cursor:
        tables = connections[alias].introspection.table_names(cursor)
    return {OldRoom._meta.db_table, OldPresence._meta.db_table} <= set(tables)
