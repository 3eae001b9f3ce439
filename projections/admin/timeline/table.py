"""The stays of the timeline as a table with pages, and as a CSV file."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

from presence_events import export
from presence_events.users import display_name
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.drawing import MAX_DRAWN_STAYS
from projections.models import PresenceSession

if TYPE_CHECKING:
    _Paginator = Paginator[PresenceSession]
else:
    _Paginator = Paginator

__all__ = ["COLUMNS", "PER_PAGE", "page", "write_csv"]

PER_PAGE = 100

COLUMNS = (
    "session", "room", "who", "user_id", "channel_name", "joined_at", "left_at", "last_seen", "ended_by", "reason",
    "seconds",
)  # fmt: skip
"""The columns of the CSV file."""


class _StayPaginator(_Paginator):
    """Counts up to one stay more than can be drawn."""

    @cached_property
    def count(self) -> int:
        stays: Any = self.object_list
        return int(stays.order_by()[: MAX_DRAWN_STAYS + 1].count())


def page(criteria: Criteria, number: Any) -> Page[PresenceSession] | None:
    """Returns page ``number`` of the stays, or the nearest existing page. Makes three queries.

    Returns None if there are more stays than can be drawn.
    """
    paginator = _StayPaginator(criteria.stays().prefetch_related("user"), PER_PAGE)
    return None if paginator.count > MAX_DRAWN_STAYS else paginator.get_page(number)


def write_csv(stream: IO[str], criteria: Criteria) -> bool:
    """Writes the stays to ``stream`` as CSV, with times in the current time zone.

    Returns False, and writes nothing, if there are more stays than can be drawn.
    """
    stays = list(criteria.stays().prefetch_related("user")[: MAX_DRAWN_STAYS + 1])
    if len(stays) > MAX_DRAWN_STAYS:
        return False
    export.write(stream, "csv", COLUMNS, map(_row, stays))
    return True


def _row(stay: PresenceSession) -> tuple[Any, ...]:
    texts = (stay.room, display_name(stay), stay.user_id, stay.channel_name, stay.reason)
    room, name, user_id, channel_name, reason = map(export.spreadsheet_safe, texts)
    return (
        stay.session, room, name, user_id, channel_name, stay.joined_at, stay.left_at, stay.last_seen, stay.ended_by,
        reason, stay.duration.total_seconds(),
    )  # fmt: skip
