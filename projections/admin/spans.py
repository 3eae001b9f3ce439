"""A form for a room and a span of time, as pages of the admin read them from their addresses."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from presence_events import validation
from presence_events.exceptions import InvalidMoment, InvalidRoomName
from projections.times import EPOCH, aware, is_ambiguous, local

__all__ = ["MAX_SPAN", "MIN_SPAN", "PRESETS", "SpanForm", "TimeField", "end_of_second", "preset_span"]

PRESETS = {"hour": _("Last hour"), "day": _("Last 24 hours"), "today": _("Today"), "week": _("Last 7 days")}
"""Spans that end now, with their labels."""

MIN_SPAN, MAX_SPAN = timedelta(seconds=1), timedelta(days=3660)
"""The shortest and the longest span that zooming reaches."""


class TimeField(forms.DateTimeField):
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


class _TimeInput(forms.DateTimeInput):
    """Shows a time of the address in the current time zone. The time inputs of browsers do not accept an offset."""

    def format_value(self, value: Any) -> str | None:
        try:
            time = parse_datetime(value) if isinstance(value, str) else None
            if time is not None and timezone.is_aware(time):
                value = local(time).replace(tzinfo=None)
        except (ValueError, OverflowError):
            pass  # The field reports what is wrong with it.
        return super().format_value(value)


class SpanForm(forms.Form):
    """Reads the name of a room and a span. By default it is the last 24 hours; ``last`` names another that ends now.

    In addresses the fields ``start`` and ``end`` are called ``from`` and ``until``.
    """

    room = forms.CharField(label=_("Room"), required=False, strip=False, help_text=_("exact name"))
    start = TimeField(label=_("From"), required=False)
    end = TimeField(label=_("Until"), required=False)
    last = forms.ChoiceField(required=False, choices=list(PRESETS.items()), widget=forms.HiddenInput)

    time_fields: tuple[str, ...] = ("start", "end")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.time_fields:
            attributes = {"type": "datetime-local", "step": "any"}
            self.fields[name].widget = _TimeInput(attributes, format="%Y-%m-%dT%H:%M:%S")

    def add_prefix(self, field_name: str) -> str:
        return {"start": "from", "end": "until"}.get(field_name, field_name)

    def clean_room(self) -> str | None:
        room = self.cleaned_data["room"]
        try:
            return validation.recorded_room_name(room) if room else None
        except InvalidRoomName:
            raise forms.ValidationError(_("No room can have this name.")) from None

    def clean_start(self) -> datetime | None:
        return self.time("start")

    def clean_end(self) -> datetime | None:
        end = self.time("end")
        day = parse_date(self.data.get(self.add_prefix("end"), "").strip()) if end is not None else None
        # A date as the end of a span includes that whole day, however long it is.
        return end if day is None else aware(datetime.combine(day + timedelta(days=1), time.min)).astimezone(UTC)

    def time(self, field: str) -> datetime | None:
        """Returns the time in ``field`` in UTC, or None. Raises a ValidationError if no event can have it."""
        when: datetime | None = self.cleaned_data[field]
        if when is None:
            return None
        try:
            when = aware(when).astimezone(UTC)
        except OverflowError:
            when = datetime.max.replace(tzinfo=UTC)
        if not EPOCH <= when <= end_of_second() + MAX_SPAN:
            raise forms.ValidationError(_("No event can have this time."))
        return when

    def clean(self) -> None:
        if self.errors:
            return
        found = self.cleaned_data
        start, end = found["start"], found["end"]
        if found["last"] or (start is None and end is None):
            start, end = preset_span(found["last"] or "day")
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

    def fill(self, **times: datetime | None) -> None:
        """Fills fields with times, as they read in the current time zone."""
        for name, when in times.items():
            if when is not None and is_ambiguous(when):
                # The time inputs of browsers do not accept an offset.
                self.fields[name].widget = forms.TextInput()
                self.initial[name] = local(when).isoformat(" ")
            elif when is not None:
                self.initial[name] = local(when).replace(tzinfo=None)


def preset_span(preset: str) -> tuple[datetime, datetime]:
    """Returns the span of ``preset``, one of `PRESETS`."""
    now = end_of_second()
    if preset == "today":
        midnight = local(now).replace(hour=0, minute=0, second=0, fold=0)
        return min(midnight.astimezone(UTC), now - MIN_SPAN), now
    lengths = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
    return now - lengths[preset], now


def end_of_second() -> datetime:
    """Returns the end of the current second, so a span that ends now includes what has just happened."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
