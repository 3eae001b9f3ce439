"""The paths that are not sockets."""

from __future__ import annotations

from django.urls import path

from tests.live.app import views

urlpatterns = [path("open", views.count), path("prune", views.prune), path("gate", views.open_gate)]
