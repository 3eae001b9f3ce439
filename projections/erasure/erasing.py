"""Erases a person from the log, from what is kept beside it, and from archives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import Q
from django.db.transaction import TransactionManagementError
from django.dispatch import Signal

from presence_events import sql, validation
from presence_events.concurrency import in_thread
from presence_events.databases.each import on_each
from presence_events.databases.rooms import aliases
from presence_events.erasure.target import Target, key_text, target
from presence_events.exceptions import NotErasable
from presence_events.models import PresenceEvent, Segment
from presence_events.positions import settled_position
from presence_events.pseudonyms import new_pseudonym
from presence_events.recorder import Draft, record, record_select
from projections import selections
from projections.erasure.plan import Plan, person_key, person_keys, plan
from projections.final_reports import erasing as final_reports
from projections.models import Presence
from projections.retention.removing import alone, operator

__all__ = ["Erased", "aerase_person", "erase_person", "erasing_person"]

erasing_person = Signal()
"""Sent before a person is erased: delete what your project keeps about the person, or raise to stop the erasure.

Arguments: ``user_id`` (the key of the user) and ``using`` (the alias of the database). A receiver may return a
`django.db.models.Q` for `presence_events.models.PresenceEvent` that finds events of others whose data name the person:
the data of these are removed, too. It is sent again if the erasure is run again, and also for the daily pseudonym that
the user has today.
"""


class Erased(NamedTuple):
    """What an erasure has changed: the stays that it ended, and events by the name of their segment or file."""

    ended: int
    events: dict[str, int]


def erase_person(
    user: Any, *, using: str | None = None, archives: Collection[Path] = (), without_archives: bool = False
) -> Erased:
    """Erases a person. Returns what has changed.

    ``user`` is a user or a key. A user with the key need not exist. ``using`` is the alias of a database; the default
    is all that have rooms. ``archives`` are directories with archives of the log. If segments were archived, some have
    to be given, unless ``without_archives`` is set.

    The open stays of the person end first. Later joins are new data. Each segment and each day of an archive is changed
    by itself. After an error or a kill, run it again: it continues, with the same pseudonym. If nothing is left to
    erase, it changes nothing.

    Raises `InvalidUser`; `NotErasable` if a hold stops it, if archives are missing, or if rows of other tables refer to
    presences of the person; what receivers of `erasing_person` raise. Nothing has been erased then in that database
    under that key. The other databases are erased, and the first error is raised at the end. Raises
    `RetentionIsRunning` if another erasure runs, or segments are removed. Raises `ArchiveDamaged`, an OSError, and what
    the database raises. Raises `TransactionManagementError` in a transaction. Needs the rights of the GRANT file
    ``projections grants/erasure``.
    """
    key, chosen = person_key(user), [using] if using else aliases(None)
    work = partial(_erase_keys, key, archives=archives, without_archives=without_archives)
    return _sum(on_each(chosen, work))


async def aerase_person(
    user: Any, *, using: str | None = None, archives: Collection[Path] = (), without_archives: bool = False
) -> Erased:
    """Does the same in the thread where Django's ORM runs."""
    call = partial(erase_person, user, using=using, archives=archives, without_archives=without_archives)
    return await in_thread(call)


def _sum(done: Iterable[Erased]) -> Erased:
    ended, events = 0, Counter[str]()
    for one in done:
        ended += one.ended
        events.update(one.events)
    return Erased(ended, dict(events))


def _erase_keys(key: Any, using: str, *, archives: Collection[Path], without_archives: bool) -> Erased:
    """Erases the person under each key that the log has."""
    keys = person_keys(key, using=using)
    return _sum([_erase(each, using, archives=archives, without_archives=without_archives) for each in keys])


def _erase(key: Any, using: str, *, archives: Collection[Path], without_archives: bool) -> Erased:
    if connections[using].in_atomic_block:
        raise TransactionManagementError("A person cannot be erased in a transaction.")
    with alone(using):
        found = plan(key, using=using)
        _require(found, archives, without_archives)
        named_in = _named_in(key, using)
        ended = _end_stays(key, using)
        person = key_text(validation.user_parameter(key), using=using)
        pseudonym = key_text(validation.user_parameter(new_pseudonym(using)), using=using)
        ((pseudonym,),) = _call("begin", {"person": person, "pseudonym": pseudonym}, using)
        # Those that have begun meanwhile may be sealed under the key that is about to be deleted.
        ended += _end_stays(key, using)
        _clear_presences(plan(key, using=using, named_in=named_in), using)
        before = settled_position(using)
        open_stays = _open_stays(key, using)
        who = target(key, person, pseudonym, open_stays, before, using=using)
        events = _erase_segments(who, plan(key, using=using, named_in=named_in), using)
        for directory in archives:
            events |= _erase_archive(directory, who, using)
        with sql.now(using):
            params = {"person": person, "excluded": list(who.excluded)}
            sql.rows("projections", "queries/erasure/projections", params, using=using)
            final_reports.erase(person, pseudonym, using=using)
            _call("end", {"person": person}, using)
        return Erased(ended, events)


def _require(found: Plan, archives: Collection[Path], without_archives: bool) -> None:
    """Raises `NotErasable` if something stops the erasure."""
    if found.obstacle:
        raise NotErasable(f"It is stopped by {found.obstacle}. Release it first: see Retention in the documentation.")
    if missing := [str(path) for path in archives if not path.is_dir()]:
        raise NotErasable(f"There is no archive at {', '.join(missing)}.")
    if found.archived and not archives and not without_archives:
        raise NotErasable("Segments were archived before they were removed. Name the archives, or leave them out.")


def _open_stays(key: Any, using: str) -> frozenset[int]:
    return frozenset(Presence.objects.using(using).filter(user=key).values_list("pk", flat=True))


def _end_stays(key: Any, using: str) -> int:
    """Ends the open stays of the person. Returns their number. Raises `NotErasable` if some do not end."""
    before = _open_stays(key, using)
    ended = len(record_select(selections.leave_key(key), using=using))
    if left := before & _open_stays(key, using):
        raise NotErasable(f"Rows of other tables refer to {len(left)} presences of the person: delete these rows.")
    return ended


def _clear_presences(found: Plan, using: str) -> None:
    """Records a touch without content for each open stay whose present data name the person, before they are erased.

    The presence and the log agree then at each moment.
    """
    positions = {position for of_segment in found.mentions.values() for position in of_segment}
    log = PresenceEvent.objects.using(using)
    sessions = log.filter(id__in=positions, kind__in=("join", "touch")).values_list("session", flat=True)
    record(
        [
            Draft("touch", presence.room_id, presence.channel_name, data={}, session=presence.pk)
            for presence in Presence.objects.using(using).filter(pk__in=list(sessions))
            if log.filter(session=presence.pk, data__isnull=False).values_list("id", flat=True).last() in positions
        ],
        using=using,
    )


def _named_in(key: Any, using: str) -> list[Q]:
    """Announces the erasure. Returns what receivers know about events of others that name the person."""
    answers: list[tuple[Any, Any]] = erasing_person.send(sender=None, user_id=key, using=using)
    return [answer for _, answer in answers if isinstance(answer, Q)]


def _erase_segments(who: Target, found: Plan, using: str) -> dict[str, int]:
    """Erases the person from each segment, in a transaction of its own."""
    leaving = Segment.objects.using(using).filter(state=Segment.State.LEAVING).values_list("name", flat=True)
    done = {}
    for name in sorted({*found.events, *found.mentions, *leaving}):
        params = {
            "segment": name,
            "person": who.person,
            "up_to": who.up_to,
            "excluded": list(who.excluded),
            "mentions": found.mentions.get(name, []),
            "operator": operator(),
        }
        ((events,),) = _call("events", params, using)
        if events:
            done[name] = events
    return done


def _erase_archive(directory: Path, who: Target, using: str) -> dict[str, int]:
    # The archive needs packages that are an extra.
    from presence_events.archive import erasing

    def record(file: str, events: int) -> None:
        _call("record", {"file": file, "events": events, "operator": operator()}, using)

    return {f"{directory}/{name}": n for name, n in erasing.erase(directory, who, using=using, record=record).items()}


def _call(name: str, params: dict[str, Any], using: str) -> list[tuple[Any, ...]]:
    return sql.rows_of_now("presence_events", f"queries/erasure/{name}", params, using=using)
