from __future__ import annotations

from django.contrib import admin

from tests.accounts.models import Account

admin.site.register(Account)
