"""The roster of a room for one HTTP request: for pages without a socket, and for other servers.

    class TeamRosterView(RosterView):
        roster = TeamRoster()

        def may_see(self, request, room):
            return room == "team" and request.user.is_authenticated


    path("rosters/<str:room>/", TeamRosterView.as_view())

All requests are refused unless you override `RosterView.may_see`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags, quote_etag
from django.views import View

from presence_events import validation
from presence_events.databases.rooms import alias_of_room
from presence_events.exceptions import InvalidRoomName
from projections.rosters import reading
from projections.rosters.replica import Replica
from projections.rosters.roster import Roster

__all__ = ["RosterView"]


class RosterView(View):
    """Answers GET with a message of the roster protocol: a snapshot, or with ``?since=<mark>`` what has changed.

    All requests are refused unless you override `may_see`. The marks are those of sockets with the same ``roster`` and
    the same view. ``Roster.view`` gets a scope with ``type`` ``"http"``, ``user`` and ``session``.

    The response has an ETag, which is the same as long as what the viewer sees is the same. The number of queries does
    not depend on the number of people.
    """

    roster: Roster | None = None
    http_method_names = ["get", "head", "options"]

    def may_see(self, request: HttpRequest, room: str) -> bool:
        """Returns whether the user of ``request`` may see the people in ``room``."""
        return False

    def get(self, request: HttpRequest, room: str) -> HttpResponse:
        """Returns the roster. Raises PermissionDenied, and Http404 for a name that no room can have."""
        try:
            validation.room_name(room)
        except InvalidRoomName as error:
            raise Http404(str(error)) from None
        if not self.may_see(request, room):
            raise PermissionDenied
        roster = self.roster or Roster()
        scope = {"type": "http", "user": getattr(request, "user", None), "session": getattr(request, "session", None)}
        view = roster.view(scope)
        replica = _replica(roster, room)
        etag = _etag(replica.answer(view, None)[0])
        # What compresses responses makes an ETag weak.
        if etag in [known.removeprefix("W/") for known in parse_etags(request.headers.get("If-None-Match", ""))]:
            response = HttpResponse(status=304)
        else:
            response = HttpResponse(_answer(replica, view, request.GET.get("since")), content_type="application/json")
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        patch_vary_headers(response, ["Cookie"])
        return response


def _replica(roster: Roster, room: str) -> Replica:
    """Returns the room as it is now."""
    log, stays, mark, high = reading.load(room, using=alias_of_room(room))
    replica = Replica(roster, room, log)
    replica.load(stays, mark, high)
    async_to_sync(replica.publish)(0, reading.adescribe)
    return replica


def _answer(replica: Replica, view: Any, since: str | None) -> str:
    after = replica.missing_history(view, since)
    if after is not None:
        changes = reading.changes(replica.room, after, replica.high, using=alias_of_room(replica.room))
        if changes is not None:
            replica.history.extend(changes, after)
    return replica.answer(view, since)[0]


def _etag(snapshot: str) -> str:
    message = json.loads(snapshot)
    del message["mark"]
    return quote_etag(hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()[:32])
