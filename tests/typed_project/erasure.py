"""Erasing and exporting a person."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, assert_type

from django.contrib.auth.models import User
from django.db.models import Q
from django.dispatch import receiver

from presence_events.models import Erasure, ErasureInProgress, PresenceEvent
from projections.erasure import (
    Erased,
    Plan,
    aerase_person,
    erase_person,
    erasing_person,
    export_person,
    forget_stays,
    plan,
)


@receiver(erasing_person)
def erase_more(user_id: Any, using: str, **kwargs: Any) -> Q:
    return Q(data__teacher=str(user_id))


def erasing(user: User, archive: Path) -> None:
    assert_type(erase_person(user), Erased)
    done = erase_person(user.pk, using="default", archives=[archive], without_archives=False)
    assert_type(done.ended, int)
    assert_type(done.events, dict[str, int])
    found = plan(user, using="default", named_in=[Q(data__teacher="Ada")])
    assert_type(found, Plan)
    assert_type(found.events, dict[str, int])
    assert_type(found.mentions, dict[str, list[int]])
    assert_type(found.present, int)
    assert_type(found.obstacle, str | None)
    assert_type(found.archived, bool)
    assert_type(forget_stays("default", min_age=3600.0), int)
    assert_type(export_person(user, "export", using="default", archives=[archive]), dict[str, int])


async def erasing_in_a_coroutine(user: User) -> None:
    assert_type(await aerase_person(user, without_archives=True), Erased)


def records() -> None:
    for record in Erasure.objects.all():
        assert_type(record.at, datetime)
        assert_type(record.by, str)
        assert_type(record.operator, str)
        assert_type(record.segment, str)
        assert_type(record.events, int)
    for running in ErasureInProgress.objects.all():
        assert_type(running.person, str)
        assert_type(running.pseudonym, str)
        assert_type(running.begun_at, datetime)
    for event in PresenceEvent.objects.exclude(commitment=None):
        assert_type(event.commitment, str | None)
