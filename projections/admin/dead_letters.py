"""The list of dead letters: signals that a receiver failed to take."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from presence_events.admin import BoundedPaginator, ReadOnlyAdmin
from projections.admin.columns import time_cell
from projections.admin.links import event_url, link
from projections.models import DeadLetter

__all__ = ["DeadLetterAdmin"]


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("id", "time", "worker", "receiver", "first_event", "last_event", "tries", "error")
    ordering = ("-id",)
    sortable_by = ()
    fields = list_display
    readonly_fields = fields
    paginator = BoundedPaginator

    @admin.display(description=_("time"))
    def time(self, letter: DeadLetter) -> str:
        return time_cell(letter.at)

    @admin.display(description=_("first event"))
    def first_event(self, letter: DeadLetter) -> str:
        return _event_link(letter, letter.first)

    @admin.display(description=_("last event"))
    def last_event(self, letter: DeadLetter) -> str:
        return _event_link(letter, letter.last)


def _event_link(letter: DeadLetter, position: int) -> str:
    return link(event_url(position, letter._state.db), position)
