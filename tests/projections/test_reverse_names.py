"""Models of other apps that have the reverse names of ours on the user model."""

from __future__ import annotations

import pytest

from tests.sites import Site

OTHER = """
    from django.conf import settings
    from django.db import models

    class Presence(models.Model):
        user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE)
        room = models.CharField(max_length=9)
"""


@pytest.mark.parametrize("apps", [["club", "*"], ["*", "club"]], ids=["before", "after"])
def test_another_model_called_presence_has_the_names(apps: list[str], site: Site) -> None:
    site.write("club/models.py", OTHER)
    site.write("club/migrations/__init__.py", "")
    site.configure(*apps)
    site.run("""
        from django.contrib.auth import get_user_model
        from django.core.checks import run_checks
        from django.core.management import call_command
        call_command("makemigrations", verbosity=0)
        call_command("migrate", verbosity=0, skip_checks=True)
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)
        from club.models import Presence as Other
        from projections.models import Presence, Room

        assert not run_checks(databases=["default"]), run_checks(databases=["default"])
        User = get_user_model()
        ada = User.objects.create_user("ada")
        for channel in ("1", "2"):
            room = Room.objects.add("lobby", channel, ada)
        other = Other.objects.create(user=ada, room="theirs")
        assert list(ada.presence_set.all()) == [other]
        assert User.objects.filter(presence__room="theirs").get() == ada
        assert not User.objects.filter(presence__room="lobby").exists()
        assert ada.projections_presence_set.count() == 2
        assert User.objects.filter(projections_presence__room="lobby").distinct().get() == ada
        assert [user.connection_count for user in room.get_users_with_connections()] == [2]
        assert list(room.get_users()) == [ada]
        assert Presence.objects.filter(user__username="ada").count() == 2
        ada.delete()
        assert not Presence.objects.exists()
        assert not Other.objects.exists()
    """)


def test_a_field_of_the_user_model_has_the_name(site: Site) -> None:
    site.write(
        "people/models.py",
        """
        from django.contrib.auth.models import AbstractUser
        from django.db import models

        class Person(AbstractUser):
            presence = models.CharField(max_length=9, default="away")
        """,
    )
    site.configure("people", AUTH_USER_MODEL="people.Person", MIGRATION_MODULES={"people": None})
    site.run("""
        from django.core.checks import run_checks
        from people.models import Person
        assert not run_checks()
        assert "presence" in str(Person.objects.filter(presence="here").query)
    """)
