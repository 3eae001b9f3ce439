from __future__ import annotations

from django.urls import path

from chat.views import Join, room

urlpatterns = [
    path("", Join.as_view(), name="join"),
    path("rooms/<room:name>/", room, name="room"),
]
