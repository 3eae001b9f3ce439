"""The paths that are not sockets."""

from __future__ import annotations

from django.urls import path

from tests.benchmarks.endtoend import views

urlpatterns = [path("open", views.count)]
