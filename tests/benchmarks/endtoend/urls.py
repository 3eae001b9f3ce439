"""The paths that are not sockets."""

from __future__ import annotations

from django.urls import path

from tests import counted

urlpatterns = [path("open", counted.count)]
