"""The names of rooms, in URLs and in the channel layer."""

from __future__ import annotations


class RoomName:
    """A path converter for lower-case letters, digits and hyphens, which are also valid in channel-layer groups."""

    regex = "[a-z0-9][a-z0-9-]{0,39}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
