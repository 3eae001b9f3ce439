"""Hidden connections: present and recorded, and left out of what is shown to others.

The data of the join says so, under the key `HIDDEN`. The fold repeats that in later data of the stay and in its end, so
each event with data tells whether its stay is hidden.
"""

from __future__ import annotations

from typing import Any

from presence_events.exceptions import InvalidData

__all__ = ["HIDDEN", "hide", "is_hidden", "replaced"]

HIDDEN = "presence.hidden"
"""The key in the data of a hidden connection. Its value is True."""


def is_hidden(data: Any) -> bool:
    """Returns whether ``data``, of a presence or of an event, is that of a hidden connection."""
    return isinstance(data, dict) and data.get(HIDDEN) is True


def hide(data: Any) -> dict[str, Any]:
    """Returns ``data`` as that of a hidden connection. Raises `InvalidData` if it is neither a dict nor None."""
    if data is not None and not isinstance(data, dict):
        raise InvalidData("The data of a hidden connection has to be a dict, or None.")
    return {**(data or {}), HIDDEN: True}


def replaced(known: Any, data: Any) -> Any:
    """Returns the data of a stay that has the data ``known``, after a touch with ``data``. The fold does the same."""
    if is_hidden(known):
        return hide(data)
    return {key: value for key, value in data.items() if key != HIDDEN} if is_hidden(data) else data
