"""The log in the admin: read-only, and fast however long the log is.

No page counts the log, or lists all its rooms or users. An index finds the rows of a page, or the page reads at most
`MAX_POSITIONS_SCANNED` positions and shows how far back it read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from presence_events import users
from presence_events.databases.rooms import alias_of_room, aliases, chosen_by_room
from presence_events.exceptions import InvalidRoomName, InvalidUser
from presence_events.models import Anchor, Checkpoint, Erasure, Hold, PresenceEvent, Removal, Segment, StoredSeal
from presence_events.positions import CLOCK_TOLERANCE, position_at
from presence_events.segments.catalogue import MayContain

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _Paginator = Paginator[Any]
else:
    _ModelAdmin = admin.ModelAdmin
    _Paginator = Paginator

__all__ = [
    "AnchorAdmin",
    "BoundedPaginator",
    "CheckpointAdmin",
    "ErasureAdmin",
    "HoldAdmin",
    "PresenceEventAdmin",
    "ReadOnlyAdmin",
    "RemovalAdmin",
    "RoomFilter",
    "SegmentAdmin",
    "StoredSealAdmin",
    "UserFilter",
    "UserRowsAdmin",
]

MAX_POSITIONS_SCANNED = 1_000_000
"""Limits how many positions of the log a page reads if no index finds its rows."""


class DatabaseFilter(admin.SimpleListFilter):
    """Chooses the database, if rooms are in several. `ReadOnlyAdmin.get_queryset` reads the choice."""

    title = _("database")
    parameter_name = "database"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self._chosen = model_admin.get_queryset(request).db

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(alias, alias) for alias in aliases()]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for alias, name in self.lookup_choices:
            query = changelist.get_query_string({str(self.parameter_name): alias})
            yield {"selected": alias == self._chosen, "query_string": query, "display": name}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset


class ReadOnlyAdmin(_ModelAdmin):
    """The base for tables that the admin shows and never writes.

    If rooms are in several databases, a page reads the one that its address names, or else that of its room. Without
    both it reads that of the routers.
    """

    actions: Any = None
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_form_template = "admin/presence_events/object_page.html"

    class Media:
        css = {"all": ["presence_events/admin.css"]}

    @property
    def empty_text(self) -> str:
        """The text for an empty value. Django shows "None" if a column that is a method returns None."""
        return str(self.get_empty_value_display())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.using(self._database(request, rows.db)) if chosen_by_room() else rows

    def _database(self, request: HttpRequest, default: str) -> str:
        parameters = _parameters(request)
        if parameters.get("database") in aliases():
            return parameters["database"]
        room = self.room_of(request)
        # The routers can send all questions to a database that has the rooms of all others.
        if room is None or default not in aliases():
            return default
        try:
            return alias_of_room(room)
        except InvalidRoomName:
            return default

    def room_of(self, request: HttpRequest) -> str | None:
        """Returns the room that the page is about, or None."""
        return _parameters(request).get("room")

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)
        return [*filters, DatabaseFilter] if chosen_by_room() else filters

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        return None if "\x00" in object_id else super().get_object(request, object_id, from_field)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allows only the lookups of the filters. Others could be slow, or an error of the database."""
        filters = self.get_list_filter(request)
        return lookup in {getattr(spec, "parameter_name", None) for spec in filters}

    def object_links(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        """Returns the links on the page of ``obj``, each an address and a text."""
        return []

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["object_links"] = self.object_links(request, context["original"])
        return super().render_change_form(request, context, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def _parameters(request: HttpRequest) -> dict[str, str]:
    """Returns the parameters of the address, and those of the list that it was opened from."""
    own = [parameters.dict() for parameters in (request.POST, request.GET)]
    lists = [QueryDict(each.get(name, "")).dict() for each in own for name in ("_changelist_filters", "filters")]
    return {str(name): str(value) for each in (*lists, *own) for name, value in each.items()}


class UserRowsAdmin(ReadOnlyAdmin):
    """The base for rows with a user. The user may have been deleted, or be in another database."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("user")

    @admin.display(description=_("who"))
    def who(self, row: Any) -> str:
        return format_html("<bdi>{}</bdi>", users.display_name(row))

    @admin.display(description=_("connection"))
    def connection(self, row: Any) -> str:
        """The end of the channel name. The whole of it is in the title and in what is copied."""
        if row.channel_name is None:
            return self.empty_text
        return format_html('<span class="presence-channel" title="{0}"><bdi>{0}</bdi></span>', row.channel_name)


class InputFilter(admin.SimpleListFilter):
    """A filter with a text field, so there is no list of choices that grows with the data."""

    template = "admin/presence_events/input_filter.html"
    placeholder: Any = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "")]

    def value(self) -> str | None:
        value = super().value()
        if value and "\x00" in value:
            raise IncorrectLookupParameters("PostgreSQL text cannot contain the character NUL")
        return value

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        others = {key: value[-1] for key, value in changelist.filter_params.items() if key != self.parameter_name}
        yield {"others": others, "clear": changelist.get_query_string(remove=[str(self.parameter_name)])}


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*PresenceEvent.Kind.choices, ("all", _("All, including touches"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        default, *rest = super().choices(changelist)
        yield {**default, "display": _("All except touches")}
        yield from rest

    def queryset(self, request: HttpRequest, queryset: QuerySet[PresenceEvent]) -> QuerySet[PresenceEvent]:
        kind = self.value()
        if kind is None:
            return queryset.exclude(kind="touch")
        if kind == "all":
            return queryset
        if kind == "touch":
            return queryset.filter(kind=kind)
        if kind not in PresenceEvent.Kind.values:
            return queryset.none()
        # The planner uses the partial indexes only with this redundant condition.
        return queryset.exclude(kind="touch").filter(kind=kind)


class RoomFilter(InputFilter):
    title = _("room")
    parameter_name = "room"
    placeholder = _("exact name")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(room=self.value()) if self.value() else queryset


class UserFilter(InputFilter):
    title = _("user")
    parameter_name = "user"
    placeholder = _("exact name, or key")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        try:
            return queryset.filter(user_id=users.find_user_key(value))
        except InvalidUser:
            return queryset.none()


class UntilFilter(InputFilter):
    """Sets where the list begins: it shows the newest events first."""

    title = _("time of the newest event")
    parameter_name = "until"
    placeholder = _("YYYY-MM-DD hh:mm")

    def queryset(self, request: HttpRequest, queryset: QuerySet[PresenceEvent]) -> QuerySet[PresenceEvent]:
        until = _parse_time(self.value())
        if until is None:
            return queryset
        end = position_at(until + CLOCK_TOLERANCE, using=queryset.db, partial=True)
        return queryset.filter(id__lt=end, at__lt=until)


class SinceFilter(admin.SimpleListFilter):
    title = _("time")
    parameter_name = "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("hour", _("Last hour")), ("today", _("Today")), ("week", _("Last 7 days"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PresenceEvent]) -> QuerySet[PresenceEvent]:
        now = timezone.now()
        since = {
            "hour": now - timedelta(hours=1),
            "today": timezone.make_aware(datetime.combine(timezone.localdate(now), time.min)),
            "week": now - timedelta(days=7),
        }.get(self.value() or "")
        if since is None:
            return queryset
        return queryset.filter(
            id__gte=position_at(since - CLOCK_TOLERANCE, using=queryset.db, partial=True), at__gte=since
        )


def _parse_time(text: str | None) -> datetime | None:
    """Returns the time that ``text`` states, in the current time zone unless it has an offset; None for no text.

    A date means the end of that day. Raises IncorrectLookupParameters for other texts.
    """
    if not text:
        return None
    moment: datetime | None
    try:
        if date := parse_date(text):
            moment = datetime.combine(date, time.min) + timedelta(days=1)
        else:
            moment = parse_datetime(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not 1970 <= moment.year <= 9000:
        raise IncorrectLookupParameters(f"{text!r} is not a time between 1970 and 9000")
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment.astimezone(UTC)


def yes_or_no(value: bool) -> str:
    """Returns ``value`` in the language of the page. The icons of Django have English texts."""
    return str(_("Yes") if value else _("No"))


class BoundedPaginator(_Paginator):
    """Counts up to ten pages of rows."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return len(rows.values_list("pk", flat=True)[: 10 * self.per_page])


class EventChangeList(ChangeList):
    """Reads at most `MAX_POSITIONS_SCANNED` positions unless an index finds its rows."""

    oldest_scanned: PresenceEvent | None = None
    """The oldest event that was read, if the list did not read the whole log."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        queryset = super().get_queryset(request, exclude_parameters)
        used: dict[str, Any] = {}
        for spec in self.filter_specs:
            used.update(spec.used_parameters)
        if (used.get("room") or used.get("user")) and used.get("kind") not in ("touch", "all"):
            return queryset
        last = None
        if until := _parse_time(used.get("until")):
            last = position_at(until + CLOCK_TOLERANCE, using=queryset.db, partial=True) - 1
        log = PresenceEvent.objects.using(queryset.db)
        event = _last_event(log, last)
        newest = event.id if event else 0
        beyond = newest - MAX_POSITIONS_SCANNED
        self.oldest_scanned = _last_event(log, beyond)
        return queryset.filter(MayContain("id", after=beyond, up_to=newest), id__gt=beyond)


def _last_event(log: QuerySet[PresenceEvent], up_to: int | None) -> PresenceEvent | None:
    """Returns the last event of ``log`` with a position of at most ``up_to``."""
    if up_to is not None:
        log = log.filter(id__lte=up_to)
    return log.filter(MayContain("id", latest=True, up_to=up_to)).order_by("-id").first()


@admin.register(PresenceEvent)
class PresenceEventAdmin(UserRowsAdmin):
    list_display: tuple[str, ...] = ("id", "at", "kind", "who", "in_room", "data", "connection", "session")
    list_filter = (KindFilter, RoomFilter, UserFilter, SinceFilter, UntilFilter)
    ordering = ("-id",)
    sortable_by = ()
    fields = (
        "id",
        "kind",
        "room",
        "channel_name",
        "who",
        "session",
        "since",
        "last_seen",
        "data",
        "process",
        "leased",
        "capacity",
        "exclusive",
        "at",
        "tx",
    )
    readonly_fields = fields
    paginator = BoundedPaginator

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return EventChangeList

    @admin.display(description=_("who"))
    def who(self, event: PresenceEvent) -> str:
        if not event.room:
            return str(event.process)
        return self.empty_text if event.channel_name is None else super().who(event)

    @admin.display(description=_("leased"))
    def leased(self, event: PresenceEvent) -> str:
        return self.empty_text if event.is_leased is None else yes_or_no(event.is_leased)

    @admin.display(description=_("exclusive"))
    def exclusive(self, event: PresenceEvent) -> str:
        return self.empty_text if event.is_exclusive is None else yes_or_no(event.is_exclusive)

    @admin.display(description=_("room"))
    def in_room(self, event: PresenceEvent) -> str:
        if not event.room:
            return self.empty_text
        return format_html('<a href="?{}"><bdi>{}</bdi></a>', urlencode({"room": event.room}), event.room)


@admin.register(StoredSeal)
class StoredSealAdmin(ReadOnlyAdmin):
    list_display = ("number", "up_to", "is_signed")
    ordering = ("-number",)
    fields = ("number", "up_to", "is_signed", "text")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("marks")

    @admin.display(description=_("signed"))
    def is_signed(self, seal: StoredSeal) -> str:
        return yes_or_no(seal.signature is not None)


@admin.register(Anchor)
class AnchorAdmin(ReadOnlyAdmin):
    list_display = ("name", "last_seal", "failing_since", "failure")
    fields = list_display
    readonly_fields = fields


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    list_display = ("name", "moved_at")
    fields = ("name", "moved_at", "mark", "cluster")
    readonly_fields = fields


@admin.register(Segment)
class SegmentAdmin(ReadOnlyAdmin):
    list_display = ("part", "first_day", "end_day", "state", "events", "first_id", "last_id")
    list_display_links = ("part", "first_day")
    fields = (
        "name",
        "part",
        "first_day",
        "end_day",
        "state",
        "events",
        "first_id",
        "last_id",
        "first_at",
        "last_at",
        "first_since",
    )
    readonly_fields = fields


@admin.register(Removal)
class RemovalAdmin(ReadOnlyAdmin):
    list_display = ("id", "at", "by", "operator", "part", "first_day", "end_day", "horizon")
    ordering = ("-id",)
    fields = (
        "id",
        "at",
        "by",
        "operator",
        "segment",
        "part",
        "first_day",
        "end_day",
        "first_id",
        "last_id",
        "first_at",
        "last_at",
        "events",
        "horizon",
        "baseline",
        "archive",
    )
    readonly_fields = fields


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    list_display = ("id", "at", "by", "operator", "segment", "events")
    ordering = ("-id",)
    fields = list_display
    readonly_fields = fields


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    list_display = ("name", "from_day", "placed_at", "placed_by", "released_at", "released_by")
    ordering = ("-id",)
    fields = list_display
    readonly_fields = fields
