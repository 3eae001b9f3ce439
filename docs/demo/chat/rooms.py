"""What a room is called, in a URL and in the channel layer."""

from __future__ import annotations


class RoomName:
    """A path converter: lower-case letters, digits and hyphens, which a channel-layer group may be called as well."""

    regex = "[a-z0-9][a-z0-9-]{0,39}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
