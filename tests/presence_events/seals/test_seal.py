"""The text of a seal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from presence_events.exceptions import InvalidSeal
from presence_events.seals.merkle import EMPTY
from presence_events.seals.seal import FIRST, Part, Seal

SEAL = Seal(
    number=1,
    previous=FIRST,
    after=0,
    up_to=7,
    stays=Part(3, "ab" * 32),
    touches=Part(0, EMPTY.hex()),
    erasures=Part(0, EMPTY.hex()),
    sealed_at=datetime(2026, 11, 30, 12, 0, tzinfo=UTC),
)
TEXT = """presence-seal 1
number 1
previous 0000000000000000000000000000000000000000000000000000000000000000
after 0
up_to 7
stays 3 abababababababababababababababababababababababababababababababab
touches 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
erasures 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
sealed_at 2026-11-30T12:00:00.000000Z
"""


def test_the_text_of_a_seal() -> None:
    assert SEAL.text == TEXT
    assert Seal.parse(TEXT) == SEAL
    assert SEAL.digest == "9b3dc7ca57e6d96b0222aa08a620cfde66e981ddd5b3fd7df65cef824104b197"


def test_a_time_is_written_in_utc() -> None:
    elsewhere = SEAL.sealed_at.astimezone(timezone(timedelta(hours=5)))
    assert SEAL._replace(sealed_at=elsewhere).text == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "presence-seal 2\n" + TEXT.split("\n", 1)[1],
        TEXT.replace("after", "before"),
        TEXT.replace("number 1", "number one"),
        TEXT.replace("number 1", "number 01"),
        TEXT.replace("stays 3 ", "stays "),
        TEXT.replace("12:00:00", "25:00:00"),
        TEXT + "more\n",
        TEXT + "more 1\n",
        TEXT.rstrip("\n"),
    ],
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidSeal, match="This text is not a seal of the log"):
        Seal.parse(text)


def test_a_seal_follows_the_one_that_it_names() -> None:
    second = SEAL._replace(number=2, previous=SEAL.digest, after=7, up_to=9)
    assert SEAL.follows(None)
    assert second.follows(SEAL)
    assert not SEAL.follows(SEAL)
    assert not second.follows(None)
    for wrong in ({"number": 3}, {"previous": FIRST}, {"after": 8}):
        assert not second._replace(**wrong).follows(SEAL)
