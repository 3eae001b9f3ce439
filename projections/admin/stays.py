"""The list of stays: who was where in a span, whether the stay is open or closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from presence_events import validation
from presence_events.admin import BoundedPaginator, RoomFilter, UserFilter, UserRowsAdmin
from presence_events.models import PresenceEvent
from presence_events.seals.extent import extent
from presence_events.segments import horizon
from projections.admin.columns import time_cell
from projections.admin.links import (
    link,
    list_url,
    padded_span,
    person_link,
    presence_url,
    room_url,
    stay_url,
    timeline_url,
)
from projections.admin.stay_events import (
    MAX_POSITIONS_SCANNED,
    MAX_TOUCHES,
    data_as_text,
    database_of_log,
    events_of,
)
from projections.admin.timeline.criteria import PRESETS, CriteriaForm
from projections.models import PresenceSession
from projections.templatetags.presence_times import timestamp_exact
from projections.times import format_duration, url_value, zone_name

__all__ = ["PresenceSessionAdmin"]

_A_MICROSECOND = timedelta(microseconds=1)
_SPAN_PARAMETERS = ("last", "from", "until")


class EndFilter(admin.SimpleListFilter):
    title = _("end")
    parameter_name = "ended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Still present")), *PresenceSession.End.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        ended = self.value()
        if ended is None:
            return queryset
        if ended == "open":
            return queryset.filter(is_open=True)
        return queryset.filter(is_open=False, ended_by=ended if ended in PresenceSession.End.values else "")


class SpanFilter(admin.ListFilter):
    """Filters by a preset or an entered span, which it reads like the timeline. Without an entered end, it ends now."""

    title = _("span")
    template = "admin/projections/presencesession/span_filter.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.expected_parameters():
            if value := params.pop(name, [""])[-1]:
                self.used_parameters[name] = value
        # An entered span takes precedence over a preset.
        entered = [name for name in ("from", "until") if name in self.used_parameters]
        parameters: dict[str, Any] = {name: self.used_parameters[name] for name in entered or self.used_parameters}
        self.ends_now = "until" not in entered
        if self.ends_now and entered:
            parameters["until"] = url_value(timezone.now())
        form = CriteriaForm(parameters)
        if not form.is_valid():
            for error in (error for errors in form.errors.values() for error in errors):
                messages.error(request, str(error))
            raise IncorrectLookupParameters(form.errors)
        self.start: datetime = form.cleaned_data["start"]
        self.end: datetime = form.cleaned_data["end"]
        self.preset = "" if entered else self.used_parameters.get("last", "day")

    def expected_parameters(self) -> list[Any]:
        return list(_SPAN_PARAMETERS)

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        own = self.expected_parameters()
        for name, label in PRESETS.items():
            query = changelist.get_query_string({"last": name}, ["from", "until"])
            yield {"selected": name == self.preset, "query_string": query, "display": label}
        yield {"others": {name: value[-1] for name, value in changelist.filter_params.items() if name not in own}}

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        # The database's clock may be ahead. A connection that joined this second is part of a span that ends now.
        end = self.end + validation.MAX_CLOCK_SKEW if self.ends_now else self.end
        horizons = horizon.read(queryset.db)
        known_from = horizons.stays
        if horizons.replayed_up_to is not None:
            text = _("This database is a replica. It has replayed up to %(at)s (%(zone)s).")
            messages.info(request, text % {"at": timestamp_exact(horizons.replayed_up_to), "zone": zone_name()})
        if horizon.is_before(self.start, known_from):
            text = _("Events before %(at)s (%(zone)s) were removed. What is left of earlier stays is shown.")
            messages.warning(request, text % {"at": timestamp_exact(known_from), "zone": zone_name()})
        spanned: QuerySet[Any] = queryset.during(self.start, end, partial=True)
        return spanned


class StayPaginator(BoundedPaginator):
    """Counts without an order, which finds the first rows sooner."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return len(rows.order_by().values_list("pk", flat=True)[: 10 * self.per_page])


class StayChangeList(ChangeList):
    """Links each row to an address with which an index finds the stay."""

    def url_for_result(self, result: Any) -> str:
        return stay_url(result)

    @property
    def span(self) -> SpanFilter:
        return next(spec for spec in self.filter_specs if isinstance(spec, SpanFilter))

    @property
    def zone(self) -> str:
        return zone_name()

    @property
    def timeline(self) -> str | None:
        """The timeline of what the list shows, if the list is filtered by a room or a user."""
        filters = {"room": self.params.get("room"), "username": self.params.get("user")}
        filters = {name: value for name, value in filters.items() if value}
        return timeline_url(self.span.start, self.span.end, **filters) if filters else None


@admin.register(PresenceSession)
class PresenceSessionAdmin(UserRowsAdmin):
    list_display = ("who", "in_room", "joined", "ended", "lasted", "connection", "timeline")
    list_display_links = ("connection",)
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
        "sealed",
    )
    readonly_fields = fields
    paginator = StayPaginator
    change_form_template = "admin/projections/presencesession/change_form.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return StayChangeList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in _SPAN_PARAMETERS or super().lookup_allowed(lookup, value, request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leaves out whether the stay is sealed as long as its log has no seals."""
        is_sealed = obj is not None and extent(database_of_log(obj)) is not None
        return [name for name in self.fields if name != "sealed" or is_sealed]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> PresenceSession | None:
        """Returns the stay with that number, or None.

        First it searches the ``room`` of the address at the time ``at``, then the open stays, then all stays of the
        log, which is slow if the log is long.
        """
        try:
            number = validation.session(int(object_id))
        except ValueError:
            return None
        stays: Any = self.get_queryset(request).filter(session=number)
        for searched in _searches(stays, request.GET.get("room", ""), request.GET.get("at", "")):
            if found := searched.first():
                stay: PresenceSession = found
                return stay
        return None

    @admin.display(description=_("who"))
    def who(self, stay: PresenceSession) -> str:
        return person_link(stay, *_padded_span(stay))

    @admin.display(description=_("room"))
    def in_room(self, stay: PresenceSession) -> str:
        return link(room_url(stay.room), stay.room)

    @admin.display(description=_("joined at"))
    def joined(self, stay: PresenceSession) -> str:
        return time_cell(stay.joined_at)

    @admin.display(description=_("last seen"))
    def seen(self, stay: PresenceSession) -> str:
        return time_cell(stay.last_seen)

    @admin.display(description=_("left at"))
    def left(self, stay: PresenceSession) -> str:
        return self.empty_text if stay.left_at is None else time_cell(stay.left_at)

    @admin.display(description=_("duration"))
    def lasted(self, stay: PresenceSession) -> str:
        return format_duration(stay.duration)

    @admin.display(description=_("ended"))
    def ended(self, stay: PresenceSession) -> Any:
        if stay.left_at is None:
            return _("Still present")
        return format_html("{} {}", time_cell(stay.left_at), stay.get_ended_by_display())

    @admin.display(description=_("ended by"))
    def how_it_ended(self, stay: PresenceSession) -> Any:
        if stay.is_open:
            return _("Still present")
        if stay.ended_by == PresenceSession.End.PRUNE:
            return _("Prune. The connection ended between the times “last seen” and “left at”.")
        return stay.get_ended_by_display()

    @admin.display(description=_("sealed"))
    def sealed(self, stay: PresenceSession) -> Any:
        found = extent(database_of_log(stay))
        if found is None or not found.covers(stay.joined_at):
            return _("No event of this stay is sealed.")
        if found.covers(timezone.now() if stay.left_at is None else stay.left_at):
            return _("All events so far are sealed.") if stay.left_at is None else _("All events are sealed.")
        return _("Events up to %(at)s are sealed.") % {"at": timestamp_exact(found.up_to)}

    @admin.display(description=_("timeline"))
    def timeline(self, stay: PresenceSession) -> str:
        return link(_timeline_url(stay), _("timeline"))

    def object_links(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        links = [
            (_timeline_url(obj), _("Timeline")),
            (list_url(PresenceEvent, room=obj.room), _("Events of the room")),
        ]
        if obj.is_open:
            links.append((presence_url(obj.pk, database_of_log(obj)), _("Presence")))
        return links

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if request.user.has_perm("presence_events.view_presenceevent"):
            found = events_of(context["original"])
            context |= {
                "stay_events": found,
                "rows": [(event, data_as_text(event.data)) for event in found.events],
                "max_positions": MAX_POSITIONS_SCANNED,
                "max_touches": MAX_TOUCHES,
                "zone": zone_name(),
            }
        return super().render_change_form(request, context, *args, **kwargs)


def _searches(stays: Any, room: str, at: str) -> Iterator[Any]:
    """Yields ever wider selections of ``stays``: those in ``room`` at the time ``at``, the open ones, all of them."""
    try:
        if joined := parse_datetime(at):
            joined = joined if timezone.is_aware(joined) else timezone.make_aware(joined)
            # A stay can have no length.
            at_that_time = stays.in_room(room).during(joined - _A_MICROSECOND, joined + _A_MICROSECOND, partial=True)
        else:
            at_that_time = stays.none()
    except (ValueError, OverflowError):
        at_that_time = stays.none()
    yield at_that_time
    yield stays.filter(is_open=True)
    yield stays


def _padded_span(stay: PresenceSession) -> tuple[datetime, datetime]:
    return padded_span(stay.joined_at, stay.left_at or timezone.now())


def _timeline_url(stay: PresenceSession) -> str:
    return timeline_url(*_padded_span(stay), room=stay.room, moment=stay.joined_at, stay=stay.pk)
