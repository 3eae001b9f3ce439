"""A model of somebody else's app is tracked through a proxy, as the documentation of django-pghistory has it."""

from __future__ import annotations

import pghistory
from channels_presence.models import Presence


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class TrackedPresence(Presence):
    class Meta:
        proxy = True
