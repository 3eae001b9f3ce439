"""A map of limited size, for what a process remembers of connections that may end without its knowledge."""

from __future__ import annotations

from threading import Lock
from typing import Generic, TypeVar

__all__ = ["BoundedMap"]

_Value = TypeVar("_Value")


class BoundedMap(Generic[_Value]):
    """Maps names to values. Beyond ``limit`` entries, the entry that was put first is dropped. Safe in all threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._values: dict[str, _Value] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, name: str) -> _Value | None:
        """Returns the value of ``name``, or None."""
        return self._values.get(name)

    def put(self, name: str, value: _Value) -> None:
        """Maps ``name`` to ``value``, as the newest entry."""
        with self._lock:
            self._values.pop(name, None)
            self._values[name] = value
            if len(self._values) > self._limit:
                del self._values[next(iter(self._values))]

    def discard(self, name: str) -> None:
        """Removes the entry of ``name``, if there is one."""
        with self._lock:
            self._values.pop(name, None)
