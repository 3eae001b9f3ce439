"""Maps of limited size."""

from __future__ import annotations

from projections._delivery.bounded import BoundedMap


def test_the_oldest_entry_is_dropped_beyond_the_limit() -> None:
    values = BoundedMap[int](2)
    for name, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        values.put(name, value)
    assert [values.get(name) for name in "abc"] == [3, None, 4]
    assert len(values) == 2


def test_an_entry_can_be_discarded_twice() -> None:
    values = BoundedMap[int](2)
    values.put("a", 1)
    values.discard("a")
    values.discard("a")
    assert (values.get("a"), len(values)) == (None, 0)
