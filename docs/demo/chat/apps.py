from __future__ import annotations

from django.apps import AppConfig
from django.urls import register_converter


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from chat import signals  # noqa: F401
        from chat.rooms import RoomName

        register_converter(RoomName, "room")
