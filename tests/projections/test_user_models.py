"""User models of other projects: with imports of ours at their top, with keys that convert late, with longer keys."""

from __future__ import annotations

from tests.sites import Site

MEMBERS = """
    from django.contrib.auth.models import AbstractUser

    import presence_events.checkpoints
    import presence_events.export
    import presence_events.models
    import presence_events.recorder
    import presence_events.users
    import projections.attendance
    import projections.consumers
    import projections.decorators
    import projections.managers
    import projections.metrics
    import projections.models
    import projections.replay
    import projections.sessions
    import projections.signals
    import projections.status
    import projections.tasks
    import projections.testing
    from projections.models import Presence, Room

    class Member(AbstractUser):
        @property
        def is_online(self):
            return Presence.objects.filter(user=self).exists()

        def enter(self, room, channel_name):
            return Room.objects.add(room, channel_name, self)
"""


def test_the_module_of_the_user_model_may_import_this_library(site: Site) -> None:
    site.write("members/models.py", MEMBERS)
    site.write("members/migrations/__init__.py", "")
    site.configure("members", AUTH_USER_MODEL="members.Member")
    site.run("""
        from django.core.management import call_command
        call_command("makemigrations", "members", verbosity=0)
    """)
    assert (
        site.run("""
        from django.core.management import call_command
        call_command("migrate", verbosity=0, skip_checks=True)
        from members.models import Member
        alice = Member.objects.create_user("alice")
        print(alice.is_online)
        alice.enter("lobby", "tab")
        print(alice.is_online)
    """)
        == "False\nTrue\n"
    )


LATE_KEYS = """
    import uuid

    from django.contrib.auth.models import AbstractUser
    from django.db import models

    class Key:
        def __init__(self, value):
            self.uuid = value

        @property
        def text(self):
            return f"key-{self.uuid.hex}"

        def __str__(self):
            return self.text

        def __eq__(self, other):
            return isinstance(other, Key) and other.uuid == self.uuid

        def __hash__(self):
            return hash(self.uuid)

    def new_key():
        return Key(uuid.uuid4())

    class KeyField(models.Field):
        \"\"\"Converts in get_db_prep_value alone, and there it takes nothing but a Key or its text.\"\"\"

        def get_internal_type(self):
            return "UUIDField"

        def to_python(self, value):
            if value is None or isinstance(value, Key):
                return value
            return Key(uuid.UUID(value.removeprefix("key-")))

        def from_db_value(self, value, expression, connection):
            return None if value is None else Key(value)

        def get_db_prep_value(self, value, connection, prepared=False):
            assert connection.features.has_native_uuid_field
            return None if value is None else self.to_python(value).uuid

    class Person(AbstractUser):
        id = KeyField(primary_key=True, default=new_key, editable=False)
"""


def test_the_field_of_a_key_converts_it_as_in_the_orm(site: Site) -> None:
    site.write("people/models.py", LATE_KEYS)
    site.write("people/migrations/__init__.py", "")
    site.configure("people", AUTH_USER_MODEL="people.Person")
    site.run("""
        from django.core.management import call_command
        call_command("makemigrations", "people", verbosity=0)
    """)
    site.run("""
        import asyncio
        from datetime import timedelta
        from django.core.management import call_command
        from django.utils import timezone
        call_command("migrate", verbosity=0, skip_checks=True)
        from people.models import Person
        from presence_events.models import PresenceEvent
        from presence_events.recorder import Draft, record
        from presence_events.users import find_user_key
        from projections.admin.timeline.companions import companions_of
        from projections.admin.timeline.criteria import Criteria
        from projections.attendance import attendance, missing_now
        from projections.attendance.table import lines
        from projections.models import Presence, PresenceSession, Room
        from projections.signals import presence_changed

        seen = []
        def receive(added, removed, **kwargs):
            presence = added or removed
            if presence is not None:
                seen.append(("user" in presence._state.fields_cache, presence.user_id))
        presence_changed.connect(receive)

        before = timezone.now() - timedelta(seconds=1)
        alice, bob = Person.objects.create_user("alice"), Person.objects.create_user("bob")
        record([Draft("join", "lobby", "tab.0", alice)])
        room = Room.objects.add("lobby", "tab.1", alice)
        asyncio.run(Room.objects.aadd("lobby", "tab.2", bob))
        assert seen == [(True, alice.pk), (True, alice.pk), (True, bob.pk)], seen
        assert Presence.objects.filter(user=alice).count() == 2
        assert {user.username: user.connection_count for user in room.get_users_with_connections()} == {
            "alice": 2, "bob": 1,
        }
        assert set(room.get_users()) == {alice, bob}
        assert PresenceSession.objects.of_user(alice).count() == 2
        assert PresenceSession.objects.of_user(alice.pk).count() == 2
        assert PresenceSession.objects.of_user(str(alice.pk)).count() == 2
        assert find_user_key(str(alice.pk)) == alice.pk
        after = timezone.now()
        criteria = Criteria(room=None, user=alice.pk, start=before, end=after, moment=None, stay=None)
        (companion,) = companions_of(criteria).companions
        assert (companion[0].kind, companion[0].name) == ("user", "bob"), companion
        report = attendance("lobby", before, after, expected=Person.objects.order_by("username"), activity=True)
        assert {attendee.user_id for attendee in report.people} == {alice.pk, bob.pk}
        assert report.of(str(alice.pk)).is_expected
        assert [line.name for line in lines(report)] == ["alice", "bob"]
        assert missing_now("lobby", [alice, str(bob.pk), Person(username="carol")])[0] not in (alice.pk, bob.pk)
        assert Room.objects.add("lobby", "tab.1", bob)
        assert Presence.objects.leave_user(alice, reason="test") == 1
        bob.delete()
        assert not Presence.objects.exists()
        Room.objects.add("lobby", "tab.1", Person.objects.get())
        call_command("replay_presence", "--check", verbosity=0)
    """)
