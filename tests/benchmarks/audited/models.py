"""Tracks the model of a third-party app through a proxy, as the documentation of django-pghistory recommends."""

from __future__ import annotations

import pghistory
from channels_presence.models import Presence


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class TrackedPresence(Presence):
    class Meta:
        proxy = True
