"""The stays of the timeline as a table: page by page, and as a file."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

from presence_events.users import who
from projections import rows
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.drawing import DRAWN
from projections.models import PresenceSession

if TYPE_CHECKING:
    _Paginator = Paginator[PresenceSession]
else:
    _Paginator = Paginator

__all__ = ["COLUMNS", "PER_PAGE", "page", "write"]

PER_PAGE = 100

COLUMNS = (
    "session", "room", "who", "user_id", "channel_name", "joined_at", "left_at", "last_seen", "ended_by", "reason",
    "seconds",
)  # fmt: skip
"""Of the file."""

_FORMULA = ("=", "+", "-", "@")


class _Stays(_Paginator):
    """Counts one more than can be drawn, and no further."""

    @cached_property
    def count(self) -> int:
        stays: Any = self.object_list
        return int(stays.order_by()[: DRAWN + 1].count())


def page(question: Criteria, number: Any) -> Page[PresenceSession] | None:
    """That page of the stays, or the nearest there is; None if there are more than can be drawn. Three queries."""
    stays = _Stays(question.stays().prefetch_related("user"), PER_PAGE)
    return None if stays.count > DRAWN else stays.get_page(number)


def write(stream: IO[str], question: Criteria) -> bool:
    """Writes the stays to ``stream`` as CSV, times in the current time zone.

    Returns False, and writes nothing, if there are more than can be drawn.
    """
    stays = list(question.stays().prefetch_related("user")[: DRAWN + 1])
    if len(stays) > DRAWN:
        return False
    rows.write(stream, "csv", COLUMNS, map(_row, stays))
    return True


def _row(stay: PresenceSession) -> tuple[Any, ...]:
    return (
        stay.session, _harmless(stay.room), _harmless(who(stay)), _harmless(stay.user_id),
        _harmless(stay.channel_name), stay.joined_at, stay.left_at, stay.last_seen, stay.ended_by,
        _harmless(stay.reason), stay.duration.total_seconds(),
    )  # fmt: skip


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet takes neither for a formula nor, in Python before 3.13, for the end of the line."""
    if not isinstance(value, str):
        return value
    return (f"'{value}" if value.lstrip().startswith(_FORMULA) else value).replace("\r", " ")
