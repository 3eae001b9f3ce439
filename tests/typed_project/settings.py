"""The settings, which the plugin of django-stubs reads."""

from __future__ import annotations

SECRET_KEY = "only for type checkers"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "pgtrigger",
    "presence_events",
    "projections",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "none"}}
