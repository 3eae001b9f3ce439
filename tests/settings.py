"""Settings of the project under test. `tests.postgres` chooses the database server."""

from __future__ import annotations

import os

from tests import postgres

SECRET_KEY = "only for tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # many tests log in; the default is slow
USE_TZ = True
ROOT_URLCONF = "tests.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "pgtrigger",
    "presence_events",
    "projections",
]
DATABASES = {"default": postgres.settings()}
if os.environ.get("PRESENCE_TEST_USER") == "uuid":
    INSTALLED_APPS.insert(0, "tests.accounts")
    AUTH_USER_MODEL = "accounts.Account"
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
# The default would be that every server process prunes, because the layer is in memory. The tests prune themselves.
CHANNELS_PRESENCE_PRUNE_IN_SERVER = False
MIDDLEWARE = [
    "tests.csp.middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
