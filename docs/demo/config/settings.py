"""The demo project. It listens on this machine only, and its secrets are public."""

from __future__ import annotations

import os
from pathlib import Path

from postgres import Postgres

BASE_DIR = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("DEMO_DATA", BASE_DIR / ".demo"))

DEBUG = True
SECRET_KEY = "only for the demo"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "daphne",
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
    "chat",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": str(Postgres(DATA / "postgres").socket_directory),
        "NAME": "postgres",
        "USER": "postgres",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# One process serves all connections, and prunes. Several processes would need channels_redis.
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
CHANNELS_PRESENCE_PRUNE_IN_SERVER = True

# Short, so you can watch pruning. The default, 60, suits most projects.
CHANNELS_PRESENCE_MAX_AGE = int(os.environ.get("DEMO_MAX_AGE", "10"))

STATIC_URL = "static/"
TIME_ZONE = "UTC"
USE_TZ = True

# Browsers share cookies between ports, so other projects on this machine could overwrite the default ones.
SESSION_COOKIE_NAME = "presence_demo_session"
CSRF_COOKIE_NAME = "presence_demo_csrf"
