"""Each attack on the log and its seals is found, and named by its kind, its seal, and the event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presence_events.models import PresenceEvent, Segment, StoredSeal
from presence_events.seals import sealing
from presence_events.seals.copies import SealCopy
from presence_events.seals.seal import Seal
from presence_events.seals.sealing import seal
from presence_events.seals.signing import Signer, read_public_key
from presence_events.seals.verifying import COMPLETENESS, FRESHNESS, INTEGRITY, Finding, Verification, verify
from projections.models import Presence, Room
from tests import retention
from tests.seals import KeyPair, as_attacker, attack, key_pair

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sealed(user: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seals two seals of four events each. Returns the positions of the events: two joins, a touch, a leave, twice."""
    monkeypatch.setattr(sealing, "MAX_EVENTS", 4)
    for room in ("first", "second"):
        Room.objects.add(room, "1", user, {"status": "here"})
        Room.objects.add(room, "2", None, {"nickname": "B"})
        Presence.objects.touch("1")
        Presence.objects.leave_all("1")
    seal("default")
    assert StoredSeal.objects.count() == 2
    return list(PresenceEvent.objects.values_list("id", flat=True))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return key_pair(tmp_path_factory.mktemp("keys"))


def texts(**options: Any) -> list[tuple[str, str]]:
    return [(found.kind, found.text) for found in verify("default", **options).findings]


def the_finding(**options: Any) -> Finding:
    (found,) = verify("default", **options).findings
    return found


def copy_of_the_database() -> list[SealCopy]:
    return [SealCopy.of(stored) for stored in StoredSeal.objects.all()]


def stored_as(number: int, new: Seal) -> None:
    """Replaces the text of a seal."""
    attack("UPDATE presence_seal SET text = %s WHERE number = %s", new.text, number)


def test_a_log_without_seals_has_nothing_to_verify() -> None:
    Room.objects.add("room", "1")
    assert verify("default") == Verification(unsealed=1)


@pytest.mark.usefixtures("sealed")
def test_a_log_that_was_not_changed_agrees_with_its_seals() -> None:
    Room.objects.add("room", "3")
    reported: list[tuple[str, int, int]] = []
    found = verify("default", report=lambda *progress: reported.append(progress))
    assert found == Verification(seals=2, events=8, unsealed=1)
    assert reported[-1][1] == reported[-1][2]


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'prune'",
        "room = 'other'",
        "channel_name = 'other'",
        "user_id = NULL",
        "session = 1000",
        "since = since - interval '1 us'",
        "last_seen = at",
        "data = '{}'",
        "process = 'other'",
        "is_leased = true",
        "capacity = 5",
        "is_exclusive = true",
        "at = at + interval '1 us'",
    ],
)
def test_a_changed_column_is_found(change: str, sealed: list[int]) -> None:
    attack(f"UPDATE presence_event SET {change} WHERE id = %s", sealed[4])
    kind, text = the_finding_of_an_event()
    assert kind == INTEGRITY
    assert text == (
        f"The stays of seal 2 differ from the log. The first difference is at the position {sealed[4]}, "
        "in the table presence_event_stays_first."
    )


def the_finding_of_an_event() -> Finding:
    """Returns the finding, apart from that of a key which the changed event would need."""
    (found,) = [each for each in verify("default").findings if not each.text.startswith("The key of")]
    return found


def test_a_changed_touch_is_found(sealed: list[int]) -> None:
    attack("UPDATE presence_event SET data = '1' WHERE id = %s", sealed[2])
    assert the_finding().text.startswith("The touches of seal 1 differ from the log. The first difference is at")


def test_an_event_that_was_inserted_is_found() -> None:
    Room.objects.add("room", "1")
    attack("SELECT nextval('presence_event_id_seq')")
    Room.objects.add("room", "2")
    seal("default")
    first, last = PresenceEvent.objects.values_list("id", flat=True)
    attack(
        "INSERT INTO presence_event (id, kind, room, channel_name, session, since, is_leased, at, tx) "
        "SELECT id + 1, kind, 'other', channel_name, session, since, is_leased, at, tx FROM presence_event "
        "WHERE id = %s",
        first,
    )
    where = f"The first difference is at the position {first + 1}, in the table presence_event_stays_first."
    assert the_finding() == (COMPLETENESS, f"Seal 1 has 2 stays, and the log has 3. {where}")
    assert last == first + 2


@pytest.mark.parametrize("place", [0, 1, 3])
def test_an_event_that_was_deleted_is_found(place: int, sealed: list[int]) -> None:
    attack("DELETE FROM presence_event WHERE id = %s", sealed[place])
    kind, text = the_finding()
    assert (kind, text.split(". ")[0]) == (COMPLETENESS, "Seal 1 has 3 stays, and the log has 2")
    following = sealed[place + 1]
    if place < 3:
        assert f"The first difference is at the position {following}," in text
    else:
        assert f"What came after the position {sealed[2]} is missing." in text


def test_events_that_changed_places_are_found(sealed: list[int]) -> None:
    attack("UPDATE presence_event SET id = -id WHERE id IN (%s, %s)", sealed[0], sealed[1])
    attack("UPDATE presence_event SET id = %s WHERE id = %s", sealed[0], -sealed[1])
    attack("UPDATE presence_event SET id = %s WHERE id = %s", sealed[1], -sealed[0])
    assert {kind for kind, _ in texts()} == {INTEGRITY}


def test_an_end_that_was_cut_off_is_found(sealed: list[int]) -> None:
    attack("DELETE FROM presence_event WHERE id > %s", sealed[3])
    assert the_end_findings() == [
        f"Seal 2 has 3 stays, and the log has 0. What came after the position {sealed[3]} is missing.",
        f"Seal 2 has 1 touches, and the log has 0. What came after the position {sealed[3]} is missing.",
    ]


def the_end_findings() -> list[str]:
    return [text for kind, text in texts() if kind == COMPLETENESS]


def test_a_part_that_was_emptied_is_found(sealed: list[int]) -> None:
    attack("DELETE FROM presence_event WHERE kind = 'touch'")
    assert [kind for kind, _ in texts()] == [COMPLETENESS] * 2


def test_what_retention_has_removed_is_counted(user: Any, settings: Any, maintained_log: None) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = {"touches": timedelta(days=1)}
    Room.objects.add("room", "1", user)
    Presence.objects.touch("1")
    seal("default")
    retention.remove(retention.close_now("touches") + timedelta(days=1))
    Presence.objects.touch("1")
    seal("default")
    found = verify("default")
    assert (found.findings, found.events, found.removed) == ([], 2, 1)
    attack("DELETE FROM presence_event WHERE kind = 'touch'")
    assert the_finding().text.startswith("Seal 2 has 1 touches, and the log has 0.")


@pytest.mark.parametrize("state", ["closed", "leaving", "removed"])
@pytest.mark.parametrize("part", ["stays", "touches"])
def test_a_segment_that_was_removed_by_hand_is_found(part: str, state: str, user: Any, maintained_log: None) -> None:
    """Also if the catalogue says that retention has removed it. Retention would have recorded that."""
    Room.objects.add("room", "1", user)
    Presence.objects.touch("1")
    seal("default")
    retention.close_now()
    segment = Segment.objects.get(part=part, state="closed")
    with as_attacker() as cursor:
        cursor.execute(f"ALTER TABLE presence_event_{part} DETACH PARTITION {segment.name}")
        cursor.execute(f"DROP TABLE {segment.name}")
        cursor.execute("UPDATE presence_segment SET state = %s WHERE name = %s", [state, segment.name])
    assert the_finding().kind == COMPLETENESS
    assert the_finding().text.startswith(f"Seal 1 has 1 {part}, and the log has 0.")


@pytest.mark.usefixtures("sealed")
def test_seals_that_were_linked_anew_after_a_change_differ_from_the_copy() -> None:
    """A seal was replaced, and those after it were made again: each names the one before it."""
    copied = copy_of_the_database()
    first = copied[0].seal._replace(sealed_at=datetime.now(UTC))
    stored_as(1, first)
    stored_as(2, copied[1].seal._replace(previous=first.digest))
    assert texts() == []
    assert texts(copy=copied) == [(INTEGRITY, f"Seal {number} differs from the copy.") for number in (1, 2)]


@pytest.mark.usefixtures("sealed")
def test_parts_that_changed_places_are_found() -> None:
    new = StoredSeal.objects.get(number=2).seal
    stored_as(2, new._replace(stays=new.touches, touches=new.stays))
    assert {kind for kind, _ in texts()} == {COMPLETENESS}


@pytest.mark.usefixtures("sealed")
def test_a_seal_that_was_replaced_does_not_fit_the_next_one() -> None:
    first = StoredSeal.objects.get(number=1).seal
    stored_as(1, first._replace(sealed_at=datetime.now(UTC)))
    assert texts() == [(COMPLETENESS, "Seal 2 comes after seal 1, which is not the one that it names.")]


@pytest.mark.usefixtures("sealed")
def test_a_seal_that_is_missing_is_found() -> None:
    attack("DELETE FROM presence_seal WHERE number = 1")
    assert texts() == [(COMPLETENESS, "Seal 2 comes after nothing, which is not the one that it names.")]


@pytest.mark.usefixtures("sealed")
def test_a_text_that_is_no_seal_is_found() -> None:
    attack("UPDATE presence_seal SET text = 'changed' WHERE number = 2")
    kind, text = the_finding()
    assert kind == INTEGRITY
    assert text.startswith("Seal 2 cannot be read.")


@pytest.mark.usefixtures("sealed")
def test_a_seal_under_another_number_is_found() -> None:
    attack("UPDATE presence_seal SET number = 3 WHERE number = 2")
    assert texts() == [(INTEGRITY, "Seal 3 is stored as another one than its text.")]


@pytest.mark.usefixtures("sealed")
def test_a_key_that_is_missing_is_found(user: Any) -> None:
    attack("DELETE FROM presence_seal_key WHERE subject = %s", f"user:{user.pk}")
    missing = [text for _, text in texts() if text.startswith("The key of")]
    assert missing == [
        f"The key of user:{user.pk}, which has events in seal {number}, is missing." for number in (1, 2)
    ]


def test_everything_that_is_built_anew_differs_from_the_copy(sealed: list[int], user: Any) -> None:
    copied = copy_of_the_database()
    attack("DELETE FROM presence_event")
    attack("DELETE FROM presence_seal")
    attack("DELETE FROM presence_open_stay")
    Room.objects.add("third", "1", user)
    seal("default")
    assert verify("default").findings == []
    assert texts(copy=copied) == [
        (INTEGRITY, "Seal 1 differs from the copy."),
        (COMPLETENESS, "Seal 2 of the copy is missing in the database."),
    ]


@pytest.mark.usefixtures("sealed")
def test_an_old_dump_lacks_seals_of_the_copy() -> None:
    copied = copy_of_the_database()
    attack("DELETE FROM presence_seal WHERE number = 2")
    attack("DELETE FROM presence_event WHERE id > %s", copied[0].seal.up_to)
    assert texts() == []
    assert texts(copy=copied) == [(COMPLETENESS, "Seal 2 of the copy is missing in the database.")]


@pytest.mark.usefixtures("sealed")
def test_an_old_copy_is_not_fresh() -> None:
    copied = copy_of_the_database()
    assert texts(copy=copied, max_age=timedelta(0)) == []
    assert texts(copy=copied[:1], max_age=timedelta(hours=1)) == []
    for old in (copied[:1], []):
        kind, text = the_finding(copy=old, max_age=timedelta(0))
        assert kind == FRESHNESS
        assert text.startswith(f"{2 - len(old)} seals are not in the copy, the first since")
        assert texts(copy=old) == []


@pytest.mark.usefixtures("sealed")
def test_events_that_are_not_sealed_for_long_are_not_fresh() -> None:
    Room.objects.add("room", "3")
    assert texts(max_age=timedelta(hours=1)) == []
    kind, text = the_finding(max_age=timedelta(0))
    assert kind == FRESHNESS
    assert text.startswith("1 events are not sealed, the first since")


@pytest.fixture
def signed(user: Any, keys: KeyPair) -> None:
    Room.objects.add("room", "1", user)
    seal("default", signer=Signer(keys.private))


@pytest.mark.usefixtures("signed")
def test_a_signature_is_verified_with_the_public_key(keys: KeyPair) -> None:
    public_key = read_public_key(keys.public)
    for options in ({"public_key": public_key}, {}):
        found = verify("default", copy=copy_of_the_database(), **options)
        assert (found.findings, found.signed) == ([], 1)


@pytest.mark.usefixtures("signed")
def test_a_signature_that_was_removed_is_found(keys: KeyPair) -> None:
    attack("UPDATE presence_seal SET signature = NULL, public_key = NULL")
    assert texts() == []
    found = verify("default", public_key=read_public_key(keys.public))
    assert (found.findings, found.signed) == ([Finding(INTEGRITY, "Seal 1 is not signed.")], 0)


@pytest.mark.usefixtures("signed")
def test_a_signature_that_was_removed_from_a_copy_is_found(keys: KeyPair) -> None:
    copied = [copy_of_the_database()[0]._replace(signature=None, public_key=None)]
    (finding,) = verify("default", copy=copied, public_key=read_public_key(keys.public)).findings
    assert finding == (INTEGRITY, "Seal 1 of the copy is not signed.")


@pytest.mark.usefixtures("signed")
def test_a_signature_of_another_text_is_found(keys: KeyPair) -> None:
    copied = copy_of_the_database()
    stored_as(1, copied[0].seal._replace(sealed_at=datetime.now(UTC)))
    assert (INTEGRITY, "Seal 1 has a wrong signature.") in texts()
    forged = [copied[0]._replace(signature=bytes(64))]
    assert (INTEGRITY, "Seal 1 of the copy has a wrong signature.") in texts(copy=forged)


@pytest.mark.usefixtures("signed")
def test_a_signature_with_another_key_is_found(tmp_path: Path, keys: KeyPair) -> None:
    other = Signer(key_pair(tmp_path).private)
    stored = StoredSeal.objects.get()
    attack("UPDATE presence_seal SET signature = %s, public_key = %s", other.sign(stored.seal), other.public_key)
    assert texts() == []
    text = f"Seal 1 is signed with another key, {other.public_key.hex()}."
    assert texts(public_key=read_public_key(keys.public)) == [(INTEGRITY, text)]
