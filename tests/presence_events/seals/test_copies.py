"""Copies of seals in files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from presence_events.exceptions import CopyDiffers, InvalidSeal
from presence_events.models import StoredSeal
from presence_events.seals.copies import SealCopy, append, read
from presence_events.seals.sealing import seal
from presence_events.seals.signing import Signer
from projections.models import Room
from tests.seals import attack, key_pair

pytestmark = pytest.mark.django_db(transaction=True)


def test_new_seals_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "seals"
    signer = Signer(key_pair(tmp_path).private)
    for number, by in enumerate([None, signer]):
        Room.objects.add("room", str(number))
        seal("default", signer=by)
        assert append(path, StoredSeal.objects.all()) == 1
    assert append(path, StoredSeal.objects.all()) == 0
    assert read(path) == [SealCopy.of(stored) for stored in StoredSeal.objects.all()]
    assert [each.public_key for each in read(path)] == [None, signer.public_key]


def test_a_copy_of_other_seals_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "seals"
    Room.objects.add("room", "1")
    seal("default")
    append(path, StoredSeal.objects.all())
    before = path.read_bytes()
    attack("DELETE FROM presence_seal")
    with pytest.raises(CopyDiffers, match="It has another seal 1"):
        append(path, StoredSeal.objects.all())
    seal("default")
    with pytest.raises(CopyDiffers, match="It has another seal 1"):
        append(path, StoredSeal.objects.all())
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "line",
    ["{", "1", "{}", json.dumps({"seal": "x", "signature": None, "public_key": None}), '{"seal": 1, "signature": "g"}'],
)
def test_a_line_that_is_no_seal_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "seals"
    path.write_text(f"{line}\n")
    with pytest.raises(InvalidSeal, match=f"Line 1 of {path}"):
        read(path)
