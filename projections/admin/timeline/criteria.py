"""What the timeline shows: whose stays, in which span, at which moment; and how an address writes that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from presence_events import validation
from presence_events.databases.rooms import alias_of_room, aliases, chosen_by_room
from presence_events.exceptions import InvalidMoment, InvalidUser
from presence_events.seals.extent import Extent, extent
from presence_events.segments import horizon
from presence_events.segments.horizon import Horizons
from presence_events.users import find_user_key
from projections.admin.spans import MAX_SPAN, MIN_SPAN, PRESETS, SpanForm, TimeField, end_of_second
from projections.models import PresenceSession
from projections.sessions import PresenceSessionQuerySet
from projections.times import EPOCH, url_value

__all__ = ["PRESETS", "Criteria", "CriteriaForm"]


@dataclass(frozen=True)
class Criteria:
    """Selects the stays in ``room``, of ``user`` (a key), or both, from ``start`` on and before ``end``.

    The page lists who was present at ``moment``, and shows the stay with the number ``stay`` in detail.
    """

    room: str | None
    user: Any
    start: datetime
    end: datetime
    moment: datetime | None = None
    stay: int | None = None

    @property
    def known_end(self) -> datetime:
        """The end of the part of the span that is not in the future: its end, or now."""
        return min(self.end, max(datetime.now(UTC), self.start + timedelta(microseconds=1)))

    @cached_property
    def horizon(self) -> datetime | None:
        """The horizon of stays if it is after the start of the span or after the moment, or else None."""
        found = self._horizons.stays
        return found if any(horizon.is_before(time, found) for time in (self.start, self.moment) if time) else None

    @property
    def replayed_up_to(self) -> datetime | None:
        """Up to when the replica that the stays are read from has the log, or None if it is a primary."""
        return self._horizons.replayed_up_to

    @cached_property
    def sealed(self) -> Extent | None:
        """How much of the log is sealed that the stays are read from, or None if nothing is."""
        return extent(self._all_stays().db)

    @cached_property
    def _horizons(self) -> Horizons:
        return horizon.read(self._all_stays().db)

    @property
    def known_start(self) -> datetime:
        """The beginning of the part of the span that is not before the horizon. May be after `known_end`."""
        return self.start if self.horizon is None else max(self.start, self.horizon)

    def is_unknown(self) -> bool:
        """Returns whether the log has no stay of the room and the user at any time."""
        return not self._all_stays().exists()

    def stays(self) -> PresenceSessionQuerySet:
        """Returns all stays that overlap the span. Of those before the horizon, some may be missing."""
        return self._all_stays().during(self.start, self.end, partial=True)

    def stays_at(self, moment: datetime) -> PresenceSessionQuerySet:
        """Returns the stays of the connections that were present at ``moment``, or what is left of them."""
        return self._all_stays().at(moment, partial=True)

    def _all_stays(self) -> PresenceSessionQuerySet:
        stays: PresenceSessionQuerySet = PresenceSession.objects.all()
        if self.room is not None:
            # The routers can send all questions to a database that has the rooms of all others.
            if chosen_by_room() and stays.db in aliases():
                stays = stays.using(alias_of_room(self.room))
            stays = stays.in_room(self.room)
        return stays if self.user is None else stays.of_user(self.user)

    def parameters(self) -> dict[str, str]:
        """Returns the parameters of the canonical address."""
        values = {
            "room": self.room,
            "user": self.user,
            "from": self.start,
            "until": self.end,
            "moment": self.moment,
            "stay": self.stay,
        }
        return {name: url_value(value) for name, value in values.items() if value is not None}

    def query(self, **changes: Any) -> str:
        """Returns the query of the canonical address, with ``changes``."""
        return urlencode(replace(self, **changes).parameters())

    def preset_query(self, name: str) -> str:
        """Returns the query for the same room and user in a preset span, which ends when the link is followed."""
        subject = {"room": self.room, "user": self.user}
        return urlencode({**{key: value for key, value in subject.items() if value is not None}, "last": name})

    def shifted_query(self, spans: float) -> str:
        """Returns the query for a span of the same length, later by ``spans`` times that length.

        The shifted span begins before now, so part of it is always known.
        """
        length = self.end - self.start
        start = max(EPOCH, min(self.start + length * spans, end_of_second() - length / 10))
        return self.query(start=start, end=start + length)

    def zoomed_query(self, factor: float) -> str:
        """Returns the query for a span ``factor`` times as long, with the same middle.

        It does not end in the future unless this span does.
        """
        length = max(MIN_SPAN, min(MAX_SPAN, (self.end - self.start) * factor))
        end = min(self.start + (self.end - self.start) / 2 + length / 2, max(self.end, end_of_second()))
        start = max(EPOCH, end - length)
        return self.query(start=start, end=start + length)


class CriteriaForm(SpanForm):
    """Reads `Criteria` from an address. Many addresses have the same meaning; `Criteria.query` writes one of them."""

    username = forms.CharField(label=_("User"), required=False, strip=False, help_text=_("exact name, or key"))
    user = forms.CharField(required=False, widget=forms.HiddenInput)
    shown = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    """The name that the page showed for ``user``. A different ``username`` means that another user was entered."""
    moment = TimeField(label=_("Moment"), required=False)
    stay = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    field_order = ("room", "username", "user", "shown", "start", "end", "moment", "last", "stay")
    time_fields = ("start", "end", "moment")

    def clean_username(self) -> Any:
        name = self.cleaned_data["username"]
        try:
            return find_user_key(name) if name.strip() and self._is_user_replaced() else None
        except InvalidUser:
            raise forms.ValidationError(_("No user has this name, and it cannot be a key.")) from None

    def clean_user(self) -> Any:
        key = self.cleaned_data["user"]
        if self._is_user_replaced():
            return None
        try:
            return validation.user_key(key) if key else None
        except InvalidUser:
            raise forms.ValidationError(_("This cannot be the key of a user.")) from None

    def _is_user_replaced(self) -> bool:
        """Returns whether the entered name is not the one that was shown. The name then replaces the user."""
        return bool(self.data.get("username", "") != self.data.get("shown", ""))

    def clean_moment(self) -> datetime | None:
        moment = self.time("moment")
        try:
            return None if moment is None else validation.moment(moment)
        except InvalidMoment:
            raise forms.ValidationError(_("The moment is in the future.")) from None

    def criteria(self) -> Criteria | None:
        """Returns the criteria; None if the form is invalid or names neither a room nor a user."""
        if not self.is_valid():
            return None
        found = self.cleaned_data
        room, user = found["room"], found["user"] if found["username"] is None else found["username"]
        if room is None and user is None:
            return None
        return Criteria(room, user, found["start"], found["end"], found["moment"], found["stay"])

    @classmethod
    def for_criteria(cls, criteria: Criteria, username: str) -> CriteriaForm:
        """Returns a form filled with ``criteria``, with times in the current time zone."""
        form = cls(
            initial={"room": criteria.room, "username": username, "shown": username, "user": criteria.user},
        )
        form.fill(start=criteria.start, end=criteria.end, moment=criteria.moment)
        return form
