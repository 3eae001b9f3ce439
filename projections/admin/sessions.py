"""Sessions: who was where, over or going on, in a span of time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from presence_events import validation
from presence_events.admin import BoundedPaginator, RoomFilter, UserFilter, UserRowsAdmin
from presence_events.models import PresenceEvent
from projections.admin.columns import clock
from projections.admin.links import around, link, list_url, person, room_url, stay_url, timeline_url
from projections.admin.timeline.criteria import PRESETS, CriteriaForm
from projections.admin.timeline.stay_events import REACH, TOUCHES, events_of, said
from projections.models import PresenceSession
from projections.times import lasting, written, zone

__all__ = ["PresenceSessionAdmin"]

_A_MICROSECOND = timedelta(microseconds=1)
_SPAN = ("last", "from", "until")


class EndFilter(admin.SimpleListFilter):
    title = _("how it ended")
    parameter_name = "ended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Still there")), *PresenceSession.End.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        ended = self.value()
        if ended is None:
            return queryset
        if ended == "open":
            return queryset.filter(is_open=True)
        return queryset.filter(is_open=False, ended_by=ended if ended in PresenceSession.End.values else "")


class SpanFilter(admin.ListFilter):
    """A span to choose, or one to type: read as the timeline reads it. It ends now if nothing else is typed."""

    title = _("span")
    template = "admin/projections/presencesession/span_filter.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.expected_parameters():
            if value := params.pop(name, [""])[-1]:
                self.used_parameters[name] = value
        # A span that was typed goes before one that was chosen.
        typed = [name for name in ("from", "until") if name in self.used_parameters]
        asked: dict[str, Any] = {name: self.used_parameters[name] for name in typed or self.used_parameters}
        self.ends_now = "until" not in typed
        if self.ends_now and typed:
            asked["until"] = written(timezone.now())
        form = CriteriaForm(asked)
        if not form.is_valid():
            for error in (error for errors in form.errors.values() for error in errors):
                messages.error(request, str(error))
            raise IncorrectLookupParameters(form.errors)
        self.start: datetime = form.cleaned_data["start"]
        self.end: datetime = form.cleaned_data["end"]
        self.chosen = "" if typed else self.used_parameters.get("last", "day")

    def expected_parameters(self) -> list[Any]:
        return list(_SPAN)

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        mine = self.expected_parameters()
        for name, label in PRESETS.items():
            query = changelist.get_query_string({"last": name}, ["from", "until"])
            yield {"selected": name == self.chosen, "query_string": query, "display": label}
        others = {name: value[-1] for name, value in changelist.filter_params.items() if name not in mine}
        yield {"others": others}

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        # Whoever came this second is there, though the clock of the database may be ahead.
        end = self.end + validation.AHEAD if self.ends_now else self.end
        spanned: QuerySet[Any] = queryset.during(self.start, end)
        return spanned


class SessionPaginator(BoundedPaginator):
    """Counts in no order, which finds the first rows sooner."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return len(rows.order_by().values_list("pk", flat=True)[: 10 * self.per_page])


class SessionChangeList(ChangeList):
    """Rows lead to pages that are found by an index."""

    def url_for_result(self, result: Any) -> str:
        return stay_url(result)

    @property
    def span(self) -> SpanFilter:
        return next(spec for spec in self.filter_specs if isinstance(spec, SpanFilter))

    @property
    def zone(self) -> str:
        return zone()

    @property
    def timeline(self) -> str | None:
        """What the list shows, drawn: if it is about one room or user."""
        whose = {"room": self.params.get("room"), "username": self.params.get("user")}
        whose = {name: value for name, value in whose.items() if value}
        return timeline_url(self.span.start, self.span.end, **whose) if whose else None


@admin.register(PresenceSession)
class PresenceSessionAdmin(UserRowsAdmin):
    list_display = ("channel_name", "who", "in_room", "joined", "ended", "lasted", "timeline")
    list_filter = (RoomFilter, UserFilter, EndFilter, SpanFilter)
    search_fields = ("channel_name__startswith",)
    ordering = ("-joined_at", "-session")
    sortable_by = ()
    fields = (
        "session",
        "channel_name",
        "who",
        "in_room",
        "joined",
        "seen",
        "left",
        "lasted",
        "how_it_ended",
        "reason",
    )
    readonly_fields = fields
    paginator = SessionPaginator
    change_form_template = "admin/projections/presencesession/change_form.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SessionChangeList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in _SPAN or super().lookup_allowed(lookup, value, request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> PresenceSession | None:
        """The stay of that number.

        It is looked for in the ``room`` at the time ``at`` that the address says. If it is not there, it is looked for
        among those who are here now, and at last among all stays there ever were, which is slow on a long log.
        """
        try:
            number = validation.session(int(object_id))
        except ValueError:
            return None
        stays: Any = self.get_queryset(request).filter(session=number)
        for narrowed in _narrowed(stays, request.GET.get("room", ""), request.GET.get("at", "")):
            if found := narrowed.first():
                stay: PresenceSession = found
                return stay
        return None

    @admin.display(description=_("who"))
    def who(self, stay: PresenceSession) -> str:
        return person(stay, *_around(stay))

    @admin.display(description=_("room"))
    def in_room(self, stay: PresenceSession) -> str:
        return link(room_url(stay.room), stay.room)

    @admin.display(description=_("joined at"))
    def joined(self, stay: PresenceSession) -> str:
        return clock(stay.joined_at)

    @admin.display(description=_("last seen"))
    def seen(self, stay: PresenceSession) -> str:
        return clock(stay.last_seen)

    @admin.display(description=_("left at"))
    def left(self, stay: PresenceSession) -> str:
        return self.nothing if stay.left_at is None else clock(stay.left_at)

    @admin.display(description=_("duration"))
    def lasted(self, stay: PresenceSession) -> str:
        return lasting(stay.duration)

    @admin.display(description=_("ended"))
    def ended(self, stay: PresenceSession) -> Any:
        if stay.left_at is None:
            return _("Still there")
        return format_html("{} {}", clock(stay.left_at), stay.get_ended_by_display())

    @admin.display(description=_("ended by"))
    def how_it_ended(self, stay: PresenceSession) -> Any:
        if stay.is_open:
            return _("Still there")
        if stay.ended_by == PresenceSession.End.PRUNE:
            return _("Prune. It truly ended between the times “last seen” and “left at”.")
        return stay.get_ended_by_display()

    @admin.display(description=_("timeline"))
    def timeline(self, stay: PresenceSession) -> str:
        return link(_timeline_url(stay), _("timeline"))

    def leads(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        pages = [
            (_timeline_url(obj), _("Timeline")),
            (list_url(PresenceEvent, room=obj.room), _("Events of the room")),
        ]
        if obj.is_open:
            pages.append((reverse("admin:projections_presence_change", args=[obj.pk]), _("Presence")))
        return pages

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if request.user.has_perm("presence_events.view_presenceevent"):
            evidence = events_of(context["original"])
            context |= {
                "evidence": evidence,
                "rows": [(event, said(event.data)) for event in evidence.events],
                "reach": REACH,
                "touches": TOUCHES,
                "zone": zone(),
            }
        return super().render_change_form(request, context, *args, **kwargs)


def _narrowed(stays: Any, room: str, at: str) -> Iterator[Any]:
    """Ever more of ``stays``: those in the room at that time, those that go on, all."""
    try:
        if joined := parse_datetime(at):
            joined = joined if timezone.is_aware(joined) else timezone.make_aware(joined)
            # Some stays have no length.
            around_then = stays.in_room(room).during(joined - _A_MICROSECOND, joined + _A_MICROSECOND)
        else:
            around_then = stays.none()
    except (ValueError, OverflowError):
        around_then = stays.none()
    yield around_then
    yield stays.filter(is_open=True)
    yield stays


def _around(stay: PresenceSession) -> tuple[datetime, datetime]:
    return around(stay.joined_at, stay.left_at or timezone.now())


def _timeline_url(stay: PresenceSession) -> str:
    return timeline_url(*_around(stay), room=stay.room, moment=stay.joined_at, stay=stay.pk)
