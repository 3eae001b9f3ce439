"""A Django site of its own: apps written by a test, settings, and an empty database on the server of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

ROOT = Path(__file__).parent.parent
APPS = (
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "channels",
    "pgtrigger",
    "presence_events",
    "projections",
)


class Site:
    """A site in ``directory``. ``database`` is an entry for DATABASES."""

    def __init__(self, directory: Path, database: dict[str, Any]) -> None:
        self._directory = directory
        self._database = database

    def write(self, path: str, text: str) -> None:
        """Writes a module of the site. Its package is made if it does not exist."""
        file = self._directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in [file.parent, *file.parent.parents]:
            if folder == self._directory:
                break
            (folder / "__init__.py").touch()
        file.write_text(textwrap.dedent(text))

    def configure(self, *apps: str, **settings: Any) -> None:
        """Writes the settings. ``apps`` come before the library's, or where ``*`` stands for these."""
        if "*" not in apps:
            apps = (*apps, "*")
        values = {
            "SECRET_KEY": "only for tests",
            "USE_TZ": True,
            "INSTALLED_APPS": [app for name in apps for app in (APPS if name == "*" else (name,))],
            "DATABASES": {"default": self._database},
            "CHANNEL_LAYERS": {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
            "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
            "MIDDLEWARE": [
                "django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware",
            ],
            "TEMPLATES": [
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
            ],
            **settings,
        }
        self.write("site_settings.py", "".join(f"{name} = {value!r}\n" for name, value in values.items()))

    def run(self, program: str) -> str:
        """Runs ``program`` in the site, with warnings as errors. Returns its output. Fails if it fails."""
        done = self.attempt("-c", "import django; django.setup()\n" + textwrap.dedent(program))
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a management command of the site."""
        return self.attempt("-m", "django", *arguments)

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs Python in the site, with warnings as errors."""
        return subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=self._directory,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "site_settings",
                "PYTHONPATH": os.pathsep.join([str(self._directory), str(ROOT)]),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )


@contextmanager
def new_site(directory: Path, server: dict[str, Any]) -> Iterator[Site]:
    """Yields a site with an empty database on ``server``, an entry of DATABASES. The database is dropped afterwards."""
    name = f"site_{uuid.uuid4().hex}"
    parameters = {
        "host": server["HOST"] or None,
        "port": server["PORT"] or None,
        "user": server["USER"] or None,
        "password": server["PASSWORD"] or None,
    }
    with psycopg.connect(dbname="template1", autocommit=True, **parameters) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        keys = ("ENGINE", "HOST", "PORT", "USER", "PASSWORD", "OPTIONS")
        yield Site(directory, {**{key: server[key] for key in keys}, "NAME": name})
    finally:
        with psycopg.connect(dbname="template1", autocommit=True, **parameters) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
