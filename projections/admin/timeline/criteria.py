"""What the timeline is asked: whose stays, of which time, at which moment; and how that stands in an address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from presence_events import validation
from presence_events.exceptions import InvalidMoment, InvalidRoomName, InvalidUser
from presence_events.users import find
from projections.models import PresenceSession
from projections.sessions import PresenceSessionQuerySet
from projections.times import EPOCH, aware, is_ambiguous, local, written

__all__ = ["PRESETS", "Criteria", "CriteriaForm"]

PRESETS = {"hour": _("Last hour"), "day": _("Last 24 hours"), "today": _("Today"), "week": _("Last 7 days")}
"""Spans that end now, and what they are called."""

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=3660)
"""Spans one can zoom to."""


@dataclass(frozen=True)
class Criteria:
    """Stays in ``room``, of ``user`` (a key), or both, from ``start`` on and before ``end``.

    ``moment`` is the one of which is told who was there, ``stay`` the number of the one that is looked at closely.
    """

    room: str | None
    user: Any
    start: datetime
    end: datetime
    moment: datetime | None = None
    stay: int | None = None

    @property
    def known_end(self) -> datetime:
        """Until when something can be known of the span: its end, or now."""
        return min(self.end, max(datetime.now(UTC), self.start + timedelta(microseconds=1)))

    def stays(self) -> PresenceSessionQuerySet:
        """All stays of which some of the time lies in the span."""
        return self._whose().during(self.start, self.end)

    def present(self, moment: datetime) -> PresenceSessionQuerySet:
        """The stays of those who were there at ``moment``."""
        return self._whose().at(moment)

    def _whose(self) -> PresenceSessionQuerySet:
        stays: PresenceSessionQuerySet = PresenceSession.objects.all()
        if self.room is not None:
            stays = stays.in_room(self.room)
        return stays if self.user is None else stays.of_user(self.user)

    def parameters(self) -> dict[str, str]:
        """What stands in the address."""
        asked = {
            "room": self.room,
            "user": self.user,
            "from": self.start,
            "until": self.end,
            "moment": self.moment,
            "stay": self.stay,
        }
        return {name: written(value) for name, value in asked.items() if value is not None}

    def query(self, **changes: Any) -> str:
        """The query of an address that asks this, but for ``changes``."""
        return urlencode(replace(self, **changes).parameters())

    def preset(self, name: str) -> str:
        """The query of an address that asks the same of a span that ends when it is followed."""
        whose = {"room": self.room, "user": self.user}
        return urlencode({**{key: value for key, value in whose.items() if value is not None}, "last": name})

    def shifted(self, spans: float) -> str:
        """The query for a span as long as this one, so many spans later. It begins before now."""
        length = self.end - self.start
        start = max(EPOCH, min(self.start + length * spans, _now() - length / 10))
        return self.query(start=start, end=start + length)

    def zoomed(self, factor: float) -> str:
        """The query for a span so many times as long, around its middle. It ends by now if this one does."""
        length = max(SHORTEST, min(LONGEST, (self.end - self.start) * factor))
        end = min(self.start + (self.end - self.start) / 2 + length / 2, max(self.end, _now()))
        start = max(EPOCH, end - length)
        return self.query(start=start, end=start + length)


class _Time(forms.DateTimeField):
    """A time in the current time zone, or with an offset. Where clocks are set back, the first of the two is meant."""

    def to_python(self, value: Any) -> datetime | None:
        time: datetime | None
        try:
            time = super().to_python(value)
        except forms.ValidationError:
            time = _first_of_two(str(value).strip())
            if time is None:
                raise
        return time


def _first_of_two(text: str) -> datetime | None:
    """The time that ``text`` says, if it comes twice in the current time zone."""
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
    """Reads a `Criteria` from an address. Valid addresses of one question are many; it writes only one of them."""

    room = forms.CharField(label=_("Room"), required=False, help_text=_("exact name"))
    username = forms.CharField(label=_("User"), required=False, strip=False, help_text=_("exact name, or key"))
    user = forms.CharField(required=False, widget=forms.HiddenInput)
    shown = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    """What stood in the place of the user's name: unless somebody types another, it is the user that was meant."""
    start = _Time(label=_("From"), required=False)
    end = _Time(label=_("Until"), required=False)
    moment = _Time(label=_("Moment"), required=False)
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
            return validation.room_name(room) if room else None
        except InvalidRoomName:
            raise forms.ValidationError(_("No room can have this name.")) from None

    def clean_username(self) -> Any:
        name = self.cleaned_data["username"]
        try:
            return find(name) if name.strip() and self._is_typed_over() else None
        except InvalidUser:
            raise forms.ValidationError(_("Nobody has this name, and it cannot be a key.")) from None

    def clean_user(self) -> Any:
        key = self.cleaned_data["user"]
        if self._is_typed_over():
            return None
        try:
            return validation.user_key(key) if key else None
        except InvalidUser:
            raise forms.ValidationError(_("This cannot be the key of a user.")) from None

    def _is_typed_over(self) -> bool:
        """Whether the name is another than the one that was shown, so that the user is as well."""
        return bool(self.data.get("username", "") != self.data.get("shown", ""))

    def clean_start(self) -> datetime | None:
        return self._time("start")

    def clean_end(self) -> datetime | None:
        end = self._time("end")
        day = parse_date(self.data.get(self.add_prefix("end"), "").strip()) if end is not None else None
        # A day as the end of a span is that whole day, however long it is.
        return end if day is None else aware(datetime.combine(day + timedelta(days=1), time.min)).astimezone(UTC)

    def clean_moment(self) -> datetime | None:
        moment = self._time("moment")
        try:
            return None if moment is None else validation.moment(moment)
        except InvalidMoment:
            raise forms.ValidationError(_("That is in the future, and nobody knows who will be there.")) from None

    def _time(self, field: str) -> datetime | None:
        when: datetime | None = self.cleaned_data[field]
        if when is None:
            return None
        try:
            when = aware(when).astimezone(UTC)
        except OverflowError:
            when = datetime.max.replace(tzinfo=UTC)
        if not EPOCH <= when <= _now() + LONGEST:
            raise forms.ValidationError(_("Nothing happened at that time."))
        return when

    def clean(self) -> None:
        if self.errors:
            return
        found = self.cleaned_data
        start, end = found["start"], found["end"]
        if found["last"] or (start is None and end is None):
            start, end = _until_now(found["last"] or "day")
        elif start is None:
            start = max(EPOCH, end - timedelta(days=1))
        elif end is None:
            end = start + timedelta(days=1)
        found["start"], found["end"] = start, end
        try:
            validation.span(start, end)
        except InvalidMoment:
            message = _("The end does not come after the beginning.") if end <= start else _("This is in the future.")
            self.add_error("end" if end <= start else "start", message)

    def question(self) -> Criteria | None:
        """What is asked, if the form is valid and names a room or a user."""
        if not self.is_valid():
            return None
        found = self.cleaned_data
        room, user = found["room"], found["user"] if found["username"] is None else found["username"]
        if room is None and user is None:
            return None
        return Criteria(room, user, found["start"], found["end"], found["moment"], found["stay"])

    @classmethod
    def showing(cls, question: Criteria, username: str) -> CriteriaForm:
        """The form with what was asked filled in, times in the current time zone."""
        form = cls(
            initial={"room": question.room, "username": username, "shown": username, "user": question.user},
        )
        for name, when in {"start": question.start, "end": question.end, "moment": question.moment}.items():
            if when is not None and is_ambiguous(when):
                # What browsers offer for times has no place for an offset.
                form.fields[name].widget = forms.TextInput()
                form.initial[name] = local(when).isoformat(" ")
            elif when is not None:
                form.initial[name] = local(when).replace(tzinfo=None)
        return form


def _until_now(preset: str) -> tuple[datetime, datetime]:
    now = _now()
    if preset == "today":
        midnight = local(now).replace(hour=0, minute=0, second=0, fold=0)
        return min(midnight.astimezone(UTC), now - SHORTEST), now
    lengths = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
    return now - lengths[preset], now


def _now() -> datetime:
    """The end of this second: what has just happened lies before it."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
