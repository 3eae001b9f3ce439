"""Checks a built distribution: `python tests/package.py dist` with the wheel and the sdist in dist/."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAM = """
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.admin", "django.contrib.messages",
        "django.contrib.sessions", "pgtrigger", "presence_events", "projections",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]},
    }],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "none"}},
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)
django.setup()
from django.core.management import call_command
call_command("check")
call_command("makemigrations", "--check", "--dry-run", "presence_events", "projections", skip_checks=True)
import projections.admin, projections.decorators, projections.tasks
"""


def expected() -> set[str]:
    """Returns the paths of all files of the two packages that the repository tracks."""
    listed = subprocess.run(
        ["git", "ls-files", "presence_events", "projections"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())


def main(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    (sdist,) = dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        (licence,) = [name for name in archive.namelist() if name.endswith("LICENSE")]
        assert "MIT License" in archive.read(licence).decode()
    assert packed == expected(), packed ^ expected()
    for kind in (".sql", ".html", ".css", ".js", ".d.ts", ".mo", "py.typed", "0001_initial.py"):
        assert any(name.endswith(kind) for name in packed), kind
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert expected() <= names, expected() - names

    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python = Path(directory) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", wheel, "psycopg[binary]"], check=True)
        subprocess.run([python, "-c", PROGRAM], cwd=directory, check=True)
    sys.stdout.write(f"{wheel.name}: {len(packed)} files, installs and starts\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
