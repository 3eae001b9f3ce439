"""The pages about migrating: the steps, the names and the recipes, beside a fork of django-channels-presence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction, sync_to_async
from channels.db import database_sync_to_async
from django.contrib import admin
from django.core.management import get_commands
from django.db import connection

from projections import conf, decorators
from projections.admin import RoomAdmin
from projections.models import Presence, Room
from tests.docs.pages import ROOT, blocks, text_of
from tests.live.servers import database_url

PAGES = ("docs/howto/migrating.md", "docs/reference/former-names.md")
NAME = re.compile(r"^\| `(channels_presence\.[\w.]+)` \|", re.MULTILINE)
ASYNC_NAME = re.compile(r"^\| `(\S*_async\S*)` \| `(.+)` \|$", re.MULTILINE)


def names() -> list[str]:
    return NAME.findall(text_of(*PAGES))


def resolve(name: str) -> Any:
    """Returns what a dotted name stands for. Its first two parts are a module."""
    package, module, *attributes = name.split(".")
    found: Any = import_module(f"{package}.{module}")
    for attribute in attributes:
        found = getattr(found, attribute)
    return found


@pytest.mark.parametrize("name", names())
def test_a_name_of_the_original_exists(name: str) -> None:
    resolve(name.replace("channels_presence", "projections"))


def test_the_commands_and_the_setting_of_the_original_exist(settings: Any) -> None:
    text = text_of(*PAGES)
    commands = re.findall(r"^\| `manage.py (\w+)` \|", text, re.MULTILINE)
    assert {get_commands()[command] for command in commands} == {"projections"}
    assert "| `CHANNELS_PRESENCE_MAX_AGE` | the same |" in text
    settings.CHANNELS_PRESENCE_MAX_AGE = 7
    assert conf.max_age() == 7


# Each line of the table, as an application would write it.

NAMESPACE = {"Room": Room, "Presence": Presence, "database_sync_to_async": database_sync_to_async}
CALLS: dict[str, tuple[str, Callable[[], Any], Any]] = {
    "Room.objects.add_async": ('("lobby", "new")', lambda: Presence.objects.filter(channel_name="new").count(), 1),
    "Room.objects.remove_async": ('("lobby", "one")', Presence.objects.count, 1),
    "Room.objects.prune_presences_async": ("(age=0)", Presence.objects.count, 0),
    "Room.objects.prune_rooms_async": ("()", Room.objects.count, 1),
    "Presence.objects.touch_async": ('("one")', Presence.objects.count, 2),
    "Presence.objects.leave_all_async": ('("one")', Presence.objects.count, 1),
    "room.add_presence_async(channel)": ("", lambda: Presence.objects.filter(channel_name="channel").count(), 1),
    "room.remove_presence_async(channel)": ("", Presence.objects.count, 2),
    "room.prune_presences_async()": ("", Presence.objects.count, 2),
    "room.get_anonymous_count_async()": ("", lambda: Room.objects.get().get_anonymous_count(), 2),
}
ROWS = dict(ASYNC_NAME.findall(text_of(*PAGES)))


@pytest.fixture
async def room(transactional_db: None) -> Room:
    await Room.objects.aadd("lobby", "one")
    return await Room.objects.aadd("lobby", "two")


@pytest.mark.parametrize("name", [name for name in ROWS if "_presence_async" not in name or "room." in name])
async def test_a_coroutine_of_the_fork_has_a_counterpart(name: str, room: Room) -> None:
    arguments, count, expected = CALLS[name]
    await eval(f"{ROWS[name]}{arguments}", {**NAMESPACE, "room": room, "channel": "channel"})  # noqa: S307
    assert await sync_to_async(count)() == expected


@pytest.mark.parametrize("name", ["touch_presence_async", "remove_presence_async"])
def test_a_decorator_of_the_fork_has_a_counterpart(name: str) -> None:
    async def handler(consumer: Any, text_data: str) -> None: ...

    assert iscoroutinefunction(getattr(decorators, ROWS[name])(handler))


def test_every_name_of_the_fork_is_in_a_test() -> None:
    assert ROWS.keys() == CALLS.keys() | {"touch_presence_async", "remove_presence_async"}


@pytest.fixture
def registry() -> Iterator[dict[Any, Any]]:
    """The registered pages of the admin. They are restored after the test."""
    before = dict(admin.site._registry)
    yield admin.site._registry
    admin.site._registry.clear()
    admin.site._registry.update(before)


@pytest.mark.django_db(transaction=True)
def test_the_recipe_for_an_admin_of_rooms(registry: dict[Any, Any], admin_client: Any) -> None:
    with pytest.raises(admin.exceptions.AlreadyRegistered):
        admin.site.register(Room)
    (recipe,) = [block for block in blocks(PAGES, "python") if "ChatRoomAdmin" in block]
    exec(compile(recipe, PAGES[0], "exec"), {})  # noqa: S102
    own = registry[Room]
    assert type(own).__name__ == "ChatRoomAdmin"
    assert isinstance(own, RoomAdmin)
    Room.objects.add("lobby", "one")
    page = admin_client.get("/admin/projections/room/").content.decode()
    assert "lobby" in page
    assert own.list_display == ("channel_name", "people")


# The whole way of a site, from the fork to this library. Each phase runs in a process of its own.

SETTINGS = """
from tests.settings import *
DATABASES["default"]["NAME"] = {name!r}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "site_settings"
urlpatterns = []
_DJANGO = ["django.contrib.auth", "django.contrib.contenttypes", "channels"]
if {user_app!r}:
    _DJANGO.insert(0, {user_app!r})
INSTALLED_APPS = [*_DJANGO, {entries} "chat"]
"""
IMPORT = "from channels_presence.models import Room"
OLD_MODELS = """
from django.db import models
from channels_presence.models import Room

class Topic(models.Model):
    title = models.TextField()
    room = models.ForeignKey(Room, on_delete=models.CASCADE)
"""
OLD_MIGRATION = """
class Migration(migrations.Migration):
    initial = True
    dependencies = [("channels_presence", "0001_initial")]
    operations = [
        migrations.CreateModel("Topic", [
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("title", models.TextField()),
            ("room", models.ForeignKey(on_delete=models.CASCADE, to="channels_presence.room")),
        ])
    ]
"""
NEW_MODELS = """
from django.db import models

class Topic(models.Model):
    title = models.TextField()
    room_name = models.TextField(default="")
"""
SCENARIO = """
import asyncio, io, json
import django
django.setup()
from asgiref.sync import sync_to_async
from channels.generic.websocket import WebsocketConsumer
from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from channels_presence.decorators import remove_presence, touch_presence
from channels_presence.models import Presence, Room, channel_layer, get_channel_layer
from channels_presence.signals import presence_changed

observed = []

def observe(sender, room, added, removed, bulk_change, **kwargs):
    assert sender is Room
    changed = [each and (each.room.channel_name, each.channel_name, str(each.user)) for each in (added, removed)]
    observed.append([room.channel_name, *changed, bulk_change])

def look(name="lobby"):
    rooms = Room.objects.filter(channel_name=name)
    observed.append([(
        room.channel_name, sorted(user.get_username() for user in room.get_users()), room.get_anonymous_count(),
        sorted(room.presence_set.values_list("channel_name", flat=True)),
    ) for room in rooms])

def use():
    alice, _ = get_user_model()._default_manager.get_or_create(username="alice")
    room = Room.objects.add("lobby", "one", alice)
    Room.objects.add("lobby", "two", user=AnonymousUser())
    room.add_presence("three")
    room.add_presence("four", alice)
    Room.objects.add("lobby", "four", alice)
    look()
    before = Presence.objects.get(channel_name="one").last_seen
    Presence.objects.touch("one")
    assert Presence.objects.get(channel_name="one").last_seen > before
    room.remove_presence("two")
    room.remove_presence(presence=room.presence_set.get(channel_name="three"))
    Room.objects.remove("lobby", "absent")
    Room.objects.remove("lobby", "four")
    look()
    Room.objects.add("zoo", "one", alice)
    Presence.objects.leave_all("one")
    look()
    for prune in (
        lambda: Room.objects.prune_presences(),
        lambda: Room.objects.prune_presences(None, 30),
        lambda: Room.objects.prune_presences(age=30),
        lambda: room.prune_presences(),
        lambda: room.prune_presences(age_in_seconds=30),
        lambda: call_command("prune_presences", stdout=io.StringIO()),
    ):
        room.add_presence("live")
        prune()
        look()
    Room.objects.prune_presences(age=0)
    look()
    room = Room.objects.add("zoo", "five")
    room.prune_presences(0)
    Room.objects.prune_rooms()
    call_command("prune_rooms", stdout=io.StringIO())
    look()
    assert hasattr(channel_layer, "group_send") and get_channel_layer() is not None
    return alice

class Consumer(WebsocketConsumer):
    def connect(self):
        Room.objects.add("lobby", self.channel_name, self.scope["user"])
        self.accept()
    @touch_presence
    def receive(self, text_data=None, bytes_data=None):
        self.send(text_data)
    @remove_presence
    def disconnect(self, code):
        pass

async def visit(user):
    communicator = WebsocketCommunicator(Consumer.as_asgi(), "/")
    communicator.scope["user"] = user
    await communicator.connect()
    await communicator.send_to(text_data='"heartbeat"')
    await communicator.send_to(text_data="hello")
    observed.append(await communicator.receive_from())
    counts = await sync_to_async(Presence.objects.count)(), await sync_to_async(Room.objects.count)()
    await communicator.disconnect()
    observed.append([counts, await sync_to_async(Presence.objects.count)()])

alice = use()
asyncio.run(visit(alice))
presence_changed.connect(observe)
use()
presence_changed.disconnect(observe)
print(json.dumps(observed))
"""
PEOPLE_ARRIVE = """
import django; django.setup()
from chat.models import Topic
from channels_presence.models import Room
from django.contrib.auth import get_user_model
room = Room.objects.add("lobby", "live", get_user_model()._default_manager.create(username="grace"))
Room.objects.add("lobby", "guest")
Topic.objects.create(title="weather", room=room)
"""
WHO_IS_THERE = """
import django; django.setup()
from projections.models import Presence
print(sorted((p.room_id, p.channel_name, str(p.user)) for p in Presence.objects.all()))
"""
DELETE_GRACE = """
import django; django.setup()
from django.contrib.auth import get_user_model
print(get_user_model()._default_manager.get(username="grace").delete()[0] > 0)
"""
TOPICS = """
import django; django.setup()
from chat.models import Topic
from django.db import connection
print(list(Topic.objects.values_list("title", "room_name")),
      [table for table in connection.introspection.table_names() if "channels_presence" in table])
"""
RESOLVE = """
import sys
import django; django.setup()
from importlib import import_module
for name in sys.argv[1:]:
    package, module, *attributes = name.split(".")
    found = import_module(f"{package}.{module}")
    for attribute in attributes:
        found = getattr(found, attribute)
"""


def entries() -> str:
    """Returns the entries of INSTALLED_APPS that step 2 names."""
    (listed,) = re.findall(r"INSTALLED_APPS = \[\n\s+# ...\n(.*?)   \]", text_of(*PAGES), re.DOTALL)
    return str(listed)


class Site:
    """A project in ``folder``, with a database of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        (folder / "chat/migrations").mkdir(parents=True)
        (folder / "chat/__init__.py").touch()
        (folder / "chat/migrations/__init__.py").touch()

    def install(self, entries: str, models: str) -> None:
        user_app = os.environ.get("PRESENCE_TEST_USER") == "uuid" and "tests.accounts"
        (self._folder / "site_settings.py").write_text(
            SETTINGS.format(name=self._name, entries=entries, user_app=user_app)
        )
        (self._folder / "chat/models.py").write_text(models)

    def add_migration(self, name: str, code: str) -> None:
        (self._folder / f"chat/migrations/{name}.py").write_text(f"from django.db import migrations, models\n{code}")

    def manage(self, *arguments: str) -> str:
        return self._run("-m", "django", *arguments)

    def run(self, program: str, *arguments: str) -> str:
        return self._run("-c", program, *arguments)

    def fails(self, program: str) -> str:
        """Returns the errors of a program that has to fail."""
        with pytest.raises(subprocess.CalledProcessError) as error:
            self.run(program)
        return str(error.value.stderr)

    def _run(self, *arguments: str) -> str:
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": f"{self._folder}{os.pathsep}{ROOT}",
        }
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self._folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(done.stdout, done.stderr)
        done.check_returncode()
        return done.stdout.strip()


@pytest.fixture
def site(tmp_path: Path, transactional_db: None) -> Iterator[Site]:
    name = f"{connection.settings_dict['NAME']}_migrating"
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(f'CREATE DATABASE "{name}"')
    yield Site(tmp_path, name)
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_a_site_migrates_by_the_steps(site: Site) -> None:
    site.install('"channels_presence",', OLD_MODELS)
    site.add_migration("0001_initial", OLD_MIGRATION)
    site.manage("migrate")
    in_fork = [name for name in names() if ".tasks." not in name]  # the fork has no tasks
    site.run(RESOLVE, *in_fork)
    before = site.run(SCENARIO)
    site.run(PEOPLE_ARRIVE)

    # Steps 1 and 2
    site.install(entries(), OLD_MODELS.replace(IMPORT, "").replace("Room,", '"channels_presence.Room",'))
    stopped = site.fails("from django.core.management import execute_from_command_line as run; run(['', 'migrate'])")
    assert "fields.E300" in stopped
    assert "fields.E307" in stopped
    # Step 3
    site.install(entries(), NEW_MODELS)
    (recipe,) = [block for block in blocks(PAGES, "python") if "run_before" in block]
    site.add_migration("0002_room_names", recipe)
    assert site.manage("makemigrations", "--check") == "No changes detected"
    # Step 5
    site.manage("migrate", "projections")
    # Step 6
    site.manage("migrate", "chat")
    assert site.run(TOPICS) == "[('weather', 'lobby')] ['channels_presence_presence', 'channels_presence_room']"
    # Step 7
    assert site.manage("import_channels_presence", "--max-age", "3600") == "2 imported"
    assert site.run(WHO_IS_THERE) == "[('lobby', 'guest', 'None'), ('lobby', 'live', 'grace')]"
    assert "channels_presence_presence" in site.fails(DELETE_GRACE)
    # Step 8
    site.manage("migrate")
    assert site.run(TOPICS) == "[('weather', 'lobby')] []"
    assert site.run(DELETE_GRACE) == "True"
    assert site.run(WHO_IS_THERE) == "[('lobby', 'guest', 'None')]"
    assert "has no tables" in site.manage("import_channels_presence")

    site.manage("prune_presences", "--age", "0")
    after = site.run(SCENARIO.replace("channels_presence", "projections"))
    assert json.loads(after) == json.loads(before)


def test_a_new_database_of_a_site_that_has_migrated(site: Site) -> None:
    site.install('"channels_presence",', OLD_MODELS)
    site.add_migration("0001_initial", OLD_MIGRATION)
    site.install(entries(), NEW_MODELS)
    (recipe,) = [block for block in blocks(PAGES, "python") if "run_before" in block]
    site.add_migration("0002_room_names", recipe)
    site.manage("migrate")
    assert site.run(TOPICS) == "[] []"


def test_the_old_tables_stay_while_a_foreign_key_refers_to_them(site: Site) -> None:
    site.install('"channels_presence",', OLD_MODELS)
    site.add_migration("0001_initial", OLD_MIGRATION)
    site.manage("migrate")
    site.install(entries(), NEW_MODELS)
    with pytest.raises(subprocess.CalledProcessError) as error:
        site.manage("migrate", "channels_presence")
    assert "other objects depend on it" in str(error.value.stderr)
    site.install('"channels_presence",', OLD_MODELS)
    site.run(PEOPLE_ARRIVE)


def test_a_site_whose_old_tables_were_dropped_by_hand(site: Site) -> None:
    site.install('"channels_presence",', NEW_MODELS)
    site.manage("makemigrations", "chat", "--name", "initial")
    site.manage("migrate")
    site.run(
        "import django; django.setup()\nfrom django.db import connection\n"
        "connection.cursor().execute('DROP TABLE channels_presence_presence, channels_presence_room')"
    )
    site.install(entries(), NEW_MODELS)
    site.manage("migrate")
    assert site.run(TOPICS) == "[] []"
