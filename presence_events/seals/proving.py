"""Proves that an event is in the sealed log, without showing any other one."""

from __future__ import annotations

from collections.abc import Collection
from operator import itemgetter
from typing import Any

from presence_events.exceptions import NotSealed
from presence_events.models import StoredSeal
from presence_events.seals import reading
from presence_events.seals.leaves import Line, event_key, leaves
from presence_events.seals.merkle import path
from presence_events.seals.seal import Seal
from presence_events.seals.subject_keys import SubjectKeys

__all__ = ["prove"]


def prove(positions: Collection[int], *, using: str) -> dict[str, Any]:
    """Returns a proof, as JSON values, for the events at ``positions``.

    For each event it has the canonical line with its personal fields, the key of their commitment, and the audit path
    to the root of a seal. These keys open no other event. An event of an erased person has its commitment instead.
    Reads all events of the seals. Raises `NotSealed` for an event that is not in the log, or that has no seal yet.
    """
    proofs: list[dict[str, Any]] = []
    rest = sorted(positions)
    while rest:
        stored = StoredSeal.objects.using(using).defer("marks").filter(up_to__gte=rest[0]).order_by("number").first()
        if stored is None:
            raise NotSealed(f"It is at the position {rest[0]}.")
        in_seal = [position for position in rest if position <= stored.up_to]
        found = sorted(_prove_in(stored.seal, set(in_seal), using), key=itemgetter("position"))
        if [proof["position"] for proof in found] != in_seal:
            raise NotSealed(f"The log does not have all of the positions {in_seal}.")
        proofs += found
        rest = rest[len(in_seal) :]
    return {"format": "presence-proof 1", "events": proofs}


def _prove_in(seal: Seal, positions: set[int], using: str) -> list[dict[str, Any]]:
    lines = list(reading.lines(seal.after, seal.up_to, seal.stays.events + seal.touches.events, using=using))
    keys = reading.find_keys({line.subject for line in lines if line.subject is not None}, using=using)
    parts = {is_touch: [line for line in lines if line.is_touch is is_touch] for is_touch in (False, True)}
    ready = SubjectKeys()
    ready.add(keys)
    nodes = {is_touch: leaves(part, ready) for is_touch, part in parts.items()}
    return [
        {
            "position": int(line.position),
            "seal": seal.number,
            "line": line.public,
            "personal": line.personal if line.commitment is None else "",
            "key": _key(line, keys),
            "commitment": line.commitment,
            "index": index,
            "path": [node.hex() for node in path(nodes[is_touch], index)],
        }
        for is_touch, part in parts.items()
        for index, line in enumerate(part)
        if int(line.position) in positions
    ]


def _key(line: Line, keys: dict[str, bytes]) -> str | None:
    return None if line.subject is None else event_key(line, keys[line.subject]).hex()
