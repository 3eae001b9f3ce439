from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.generic import FormView

from chat.forms import JoinForm
from projections.models import Room


class Join(FormView):
    """The start page: asks for a name and a room, and shows the rooms that have people."""

    form_class = JoinForm
    template_name = "chat/join.html"

    def get_initial(self) -> dict[str, Any]:
        user = self.request.user
        return {"name": "" if user.is_staff else user.get_username(), "room": self.request.GET.get("room", "lobby")}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        occupied = Room.objects.filter(presence__isnull=False).distinct().order_by("channel_name")[:12]
        return super().get_context_data(occupied=occupied, **kwargs)

    def form_valid(self, form: JoinForm) -> HttpResponse:
        login(self.request, form.user())
        return redirect("room", form.cleaned_data["room"])


def room(request: HttpRequest, name: str) -> HttpResponse:
    """Shows a room. Visitors without a name are redirected to the start page."""
    if not request.user.is_authenticated:
        return redirect(f"{reverse('join')}?{urlencode({'room': name})}")
    return render(request, "chat/room.html", {"room": name, "max_age": settings.CHANNELS_PRESENCE_MAX_AGE})
