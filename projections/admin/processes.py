"""The list of server processes: the leases, and their last beats."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from presence_events.admin import ReadOnlyAdmin
from projections.admin.columns import time_cell
from projections.models import Process

__all__ = ["ProcessAdmin"]


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    list_display = ("name", "started", "seen")
    ordering = ("-seen_at",)
    sortable_by = ()
    fields = list_display
    readonly_fields = fields

    @admin.display(description=_("started at"))
    def started(self, process: Process) -> str:
        return time_cell(process.started_at)

    @admin.display(description=_("last seen"))
    def seen(self, process: Process) -> str:
        return time_cell(process.seen_at)
