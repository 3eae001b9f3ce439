"""Signals that a receiver did not take."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from presence_events.admin import BoundedPaginator, ReadOnlyAdmin
from projections.admin.columns import clock
from projections.admin.links import link
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
        return clock(letter.at)

    @admin.display(description=_("first event"))
    def first_event(self, letter: DeadLetter) -> str:
        return _event(letter.first)

    @admin.display(description=_("last event"))
    def last_event(self, letter: DeadLetter) -> str:
        return _event(letter.last)


def _event(position: int) -> str:
    return link(reverse("admin:presence_events_presenceevent_change", args=[position]), position)
