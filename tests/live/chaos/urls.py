"""Nothing but sockets, and an answer to whoever asks whether somebody is there."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path


def here(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("", here)]
