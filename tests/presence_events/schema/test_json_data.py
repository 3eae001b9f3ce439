"""The limits of data, and the decoder that reads what breaks them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from presence_events.schema.json_data import MAX_LEVELS, TolerantDecoder, UnreadableData, shape_of


def decode(text: str) -> Any:
    return json.loads(text, cls=TolerantDecoder)


@pytest.mark.parametrize(
    ("text", "size", "levels"),
    [
        ("1", 1, 0),
        ("[]", 2, 0),
        ("[[],null]", 10, 1),
        ('{"a":[1,{"b":true}]}', 23, 3),
        ('"[[[,:\\\\\\""', 11, 0),
        ('{"[":"]"}', 10, 1),
        ("1e+16", 17, 0),
        ("-1.5e-07", 11, 0),
        ("[-0.0,0.0]", 10, 1),
        ('"é"', 4, 0),
    ],
)
def test_the_shape_of_a_text(text: str, size: int, levels: int) -> None:
    assert shape_of(text) == (size, levels, False)


@pytest.mark.parametrize(
    "text",
    [
        "1" + "0" * 5000,
        "[-1" + "0" * 400 + ".5]",
        "[" * 3000 + "]" * 3000,
        '{"a":' * 950 + "1" + "}" * 950,
        "[" * (MAX_LEVELS + 1) + "0" + "]" * (MAX_LEVELS + 1),
    ],
    ids=["integer", "fraction", "lists", "objects", "a level too many"],
)
def test_what_python_could_not_read_or_write_becomes_a_placeholder(text: str) -> None:
    data = decode(text)
    assert isinstance(data, UnreadableData)
    assert data.startswith(f"Unreadable data of {len(text)} characters: {text[:50]}")
    assert len(data) < 200
    assert copy.deepcopy(data) == data
    assert json.loads(json.dumps({"data": data})) == {"data": str(data)}


@pytest.mark.parametrize(
    "text",
    [
        "[" * MAX_LEVELS + "0" + "]" * MAX_LEVELS,
        json.dumps(["[{" * 500]),
        "1" + "0" * 308,
        "0." + "1" * 400,
        json.dumps("9" * 400),
        "[" + "[]," * 100 + "[]]",
    ],
    ids=["levels", "brackets in a text", "large", "long fraction", "digits in a text", "many lists"],
)
def test_everything_else_is_decoded(text: str) -> None:
    assert decode(text) == json.loads(text)


def test_a_short_placeholder_shows_everything() -> None:
    assert UnreadableData.of("[[1]]") == "Unreadable data of 5 characters: [[1]]"
