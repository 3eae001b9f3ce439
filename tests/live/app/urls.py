"""The HTTP paths."""

from __future__ import annotations

from django.urls import path

from tests import open_sockets
from tests.live.app import views

urlpatterns = [
    path("open", open_sockets.count),
    path("prune", views.prune),
    path("gate", views.open_gate),
    path("pages/<str:consumer>/", views.roster_page),
]
