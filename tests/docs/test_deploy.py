"""The files of ``docs/deploy``: they fit together, and start what exists."""

from __future__ import annotations

import re
import shlex
from configparser import RawConfigParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import load_command_class

FOLDER = Path("docs/deploy")
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
UNITS = sorted((FOLDER / "systemd").iterdir())
APP_OF = {"migrate": "django.core", "check": "django.core"}


def commands() -> list[str]:
    """Returns every command line of a process in the recipes."""
    lines = re.findall(r"^\w+: (.*)$", (FOLDER / "Procfile").read_text(encoding="utf-8"), re.MULTILINE)
    for service in COMPOSE["services"].values():
        if service.get("command", "").startswith(("python", "uvicorn")):
            lines.append(service["command"])
            if "healthcheck" in service:
                lines.append(service["healthcheck"]["test"])
    for unit in UNITS:
        lines += re.findall(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    return [part.strip() for line in lines for part in line.split("&&")]


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_each_command_exists_and_takes_its_options(line: str) -> None:
    words = shlex.split(line.replace("%i", "8001").replace("$PORT", "8000"))
    program, words = words[0].rsplit("/", 1)[-1], words[1:]
    if program == "uvicorn":
        # The package has a function of the same name.
        import_module("uvicorn.main").main.make_context("uvicorn", words)
        return
    assert (program, words[0]) == ("python", "manage.py")
    command = load_command_class(APP_OF.get(words[1], "projections"), words[1])
    command.create_parser("manage.py", words[1]).parse_args(words[2:])


def test_all_recipes_start_the_same_processes() -> None:
    found = {re.sub(r"^\S*/(?=uvicorn|python)", "", line) for line in commands()}
    servers = {re.sub(r"--(host|port) \S+ ", "", line) for line in found if line.startswith("uvicorn")}
    assert servers == {"uvicorn mysite.asgi:application --timeout-graceful-shutdown 20"}
    assert {line for line in found if "run_projector" in line} == {"python manage.py run_projector --prune"}


def test_servers_have_longer_to_stop_than_their_sockets_have_to_leave() -> None:
    for service in COMPOSE["services"].values():
        if service.get("command", "").startswith("uvicorn"):
            assert service["stop_grace_period"] == "30s"
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8")
        if "uvicorn" in text:
            assert "TimeoutStopSec=30" in text


def test_the_services_of_the_compose_file_know_each_other() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
    upstreams = re.findall(r"server (\S+):8000;", (FOLDER / "nginx.conf").read_text(encoding="utf-8"))
    assert upstreams == [name for name, service in services.items() if service.get("command", "").startswith("uvicorn")]
    assert services["nginx"]["volumes"] == ["./nginx.conf:/etc/nginx/conf.d/default.conf:ro"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_each_unit_is_complete(unit: Path) -> None:
    parser = RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text(encoding="utf-8"))
    assert parser["Unit"]["Description"]
    if unit.suffix == ".service":
        assert parser["Service"]["User"] == "site"
        assert parser["Service"]["ExecStart"].startswith("/srv/site/venv/bin/")
    if unit.suffix == ".service" and parser["Service"].get("Type") != "oneshot":
        assert parser["Service"]["Restart"] == "always"
        assert parser["Install"]["WantedBy"] == "multi-user.target"
