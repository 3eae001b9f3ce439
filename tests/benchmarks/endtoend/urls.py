"""The paths that are not sockets."""

from __future__ import annotations

from django.urls import path

from tests import open_sockets

urlpatterns = [path("open", open_sockets.count)]
