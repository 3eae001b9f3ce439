"""The paths that are not sockets."""

from __future__ import annotations

from django.urls import path

from tests import counted
from tests.live.app import views

urlpatterns = [path("open", counted.count), path("prune", views.prune), path("gate", views.open_gate)]
