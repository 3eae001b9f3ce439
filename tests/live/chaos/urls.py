"""The only path that is not a socket: a health check."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path


def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("", health)]
