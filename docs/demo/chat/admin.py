"""Adds a link to the timeline to the pages of users."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User

admin.site.unregister(User)


@admin.register(User)
class PresentUserAdmin(UserAdmin):
    change_form_template = "admin/projections/user_change_form.html"
