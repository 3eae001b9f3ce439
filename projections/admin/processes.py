"""The list of server processes: the leases, and their last beats."""

from __future__ import annotations

from django.contrib import admin

from presence_events.admin import ReadOnlyAdmin
from projections.models import Process

__all__ = ["ProcessAdmin"]


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    list_display = ("name", "started_at", "seen_at")
    ordering = ("-seen_at",)
    sortable_by = ()
    fields = list_display
    readonly_fields = fields
