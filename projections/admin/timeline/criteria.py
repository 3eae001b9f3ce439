"""What the timeline shows: whose stays, in which span, at which moment; and how an address writes that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from presence_events import validation
from presence_events.databases.rooms import alias_of_room, aliases, chosen_by_room
from presence_events.exceptions import InvalidMoment, InvalidRoomName, InvalidUser
from presence_events.seals.extent import Extent, extent
from presence_events.segments import horizon
from presence_events.segments.horizon import Horizons
from presence_events.users import find_user_key
from projections.models import PresenceSession
from projections.sessions import PresenceSessionQuerySet
from projections.times import EPOCH, aware, is_ambiguous, local, url_value

__all__ = ["PRESETS", "Criteria", "CriteriaForm"]

PRESETS = {"hour": _("Last hour"), "day": _("Last 24 hours"), "today": _("Today"), "week": _("Last 7 days")}
"""Spans that end now, with their labels."""

MIN_SPAN, MAX_SPAN = timedelta(seconds=1), timedelta(days=3660)
"""The shortest and the longest span that zooming reaches."""


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
        start = max(EPOCH, min(self.start + length * spans, _now() - length / 10))
        return self.query(start=start, end=start + length)

    def zoomed_query(self, factor: float) -> str:
        """Returns the query for a span ``factor`` times as long, with the same middle.

        It does not end in the future unless this span does.
        """
        length = max(MIN_SPAN, min(MAX_SPAN, (self.end - self.start) * factor))
        end = min(self.start + (self.end - self.start) / 2 + length / 2, max(self.end, _now()))
        start = max(EPOCH, end - length)
        return self.query(start=start, end=start + length)


class _TimeField(forms.DateTimeField):
    """Accepts a time in the current time zone, or with an offset.

    Of two times with the same reading, where clocks are set back, it takes the first.
    """

    def to_python(self, value: Any) -> datetime | None:
        time: datetime | None
        try:
            time = super().to_python(value)
        except forms.ValidationError:
            time = _first_ambiguous_time(str(value).strip())
            if time is None:
                raise
        return time


def _first_ambiguous_time(text: str) -> datetime | None:
    """Returns the first of the two times with the reading ``text``; None if there are not two of them."""
    try:
        naive = parse_datetime(text)
    except ValueError:
        return None
    if naive is None or timezone.is_aware(naive):
        return None
    time = aware(naive)
    exists = local(time.astimezone(UTC)).replace(tzinfo=None, fold=0) == naive
    return time if exists and is_ambiguous(time) else None


class CriteriaForm(forms.Form):
    """Reads `Criteria` from an address. Many addresses have the same meaning; `Criteria.query` writes one of them."""

    room = forms.CharField(label=_("Room"), required=False, strip=False, help_text=_("exact name"))
    username = forms.CharField(label=_("User"), required=False, strip=False, help_text=_("exact name, or key"))
    user = forms.CharField(required=False, widget=forms.HiddenInput)
    shown = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    """The name that the page showed for ``user``. A different ``username`` means that another user was entered."""
    start = _TimeField(label=_("From"), required=False)
    end = _TimeField(label=_("Until"), required=False)
    moment = _TimeField(label=_("Moment"), required=False)
    last = forms.ChoiceField(required=False, choices=list(PRESETS.items()), widget=forms.HiddenInput)
    stay = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("start", "end", "moment"):
            attributes = {"type": "datetime-local", "step": "any"}
            self.fields[name].widget = forms.DateTimeInput(attributes, format="%Y-%m-%dT%H:%M:%S")

    def add_prefix(self, field_name: str) -> str:
        return {"start": "from", "end": "until"}.get(field_name, field_name)

    def clean_room(self) -> str | None:
        room = self.cleaned_data["room"]
        try:
            return validation.recorded_room_name(room) if room else None
        except InvalidRoomName:
            raise forms.ValidationError(_("No room can have this name.")) from None

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

    def clean_start(self) -> datetime | None:
        return self._time("start")

    def clean_end(self) -> datetime | None:
        end = self._time("end")
        day = parse_date(self.data.get(self.add_prefix("end"), "").strip()) if end is not None else None
        # A date as the end of a span includes that whole day, however long it is.
        return end if day is None else aware(datetime.combine(day + timedelta(days=1), time.min)).astimezone(UTC)

    def clean_moment(self) -> datetime | None:
        moment = self._time("moment")
        try:
            return None if moment is None else validation.moment(moment)
        except InvalidMoment:
            raise forms.ValidationError(_("The moment is in the future.")) from None

    def _time(self, field: str) -> datetime | None:
        when: datetime | None = self.cleaned_data[field]
        if when is None:
            return None
        try:
            when = aware(when).astimezone(UTC)
        except OverflowError:
            when = datetime.max.replace(tzinfo=UTC)
        if not EPOCH <= when <= _now() + MAX_SPAN:
            raise forms.ValidationError(_("No event can have this time."))
        return when

    def clean(self) -> None:
        if self.errors:
            return
        found = self.cleaned_data
        start, end = found["start"], found["end"]
        if found["last"] or (start is None and end is None):
            start, end = _preset_span(found["last"] or "day")
        elif start is None:
            start = max(EPOCH, end - timedelta(days=1))
        elif end is None:
            end = start + timedelta(days=1)
        found["start"], found["end"] = start, end
        try:
            validation.span(start, end)
        except InvalidMoment:
            message = _("The end must be after the start.") if end <= start else _("The span is in the future.")
            self.add_error("end" if end <= start else "start", message)

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
        for name, when in {"start": criteria.start, "end": criteria.end, "moment": criteria.moment}.items():
            if when is not None and is_ambiguous(when):
                # The time inputs of browsers do not accept an offset.
                form.fields[name].widget = forms.TextInput()
                form.initial[name] = local(when).isoformat(" ")
            elif when is not None:
                form.initial[name] = local(when).replace(tzinfo=None)
        return form


def _preset_span(preset: str) -> tuple[datetime, datetime]:
    now = _now()
    if preset == "today":
        midnight = local(now).replace(hour=0, minute=0, second=0, fold=0)
        return min(midnight.astimezone(UTC), now - MIN_SPAN), now
    lengths = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
    return now - lengths[preset], now


def _now() -> datetime:
    """Returns the end of the current second, so a span that ends now includes what has just happened."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
