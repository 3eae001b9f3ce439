from __future__ import annotations

import re

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.validators import RegexValidator
from django.utils.text import slugify

from chat.rooms import RoomName


class JoinForm(forms.Form):
    """Asks for a name and a room. There are no passwords: a visitor who enters Ada is Ada."""

    name = UsernameField(
        label="Your name",
        max_length=30,
        validators=[RegexValidator(r"[^\W_]", "A name needs a letter or a digit.")],
        widget=forms.TextInput(attrs={"autocomplete": "nickname", "autofocus": True, "placeholder": "Ada"}),
    )
    room = forms.CharField(
        label="Room",
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "suggestions", "placeholder": "lobby"}),
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        for user in get_user_model().objects.filter(username__iexact=name):
            if user.is_staff or user.is_superuser or user.has_usable_password():
                raise forms.ValidationError("That name belongs to an account with a password. Please choose another.")
        return name

    def clean_room(self) -> str:
        name = slugify(self.cleaned_data["room"])
        if not re.fullmatch(RoomName.regex, name):
            raise forms.ValidationError("The name of a room has 1 to 40 letters, digits and hyphens.")
        return name

    def user(self) -> User:
        """Returns the account of that name. A new account has no usable password, so the admin refuses it."""
        user, _ = get_user_model().objects.get_or_create(
            username=self.cleaned_data["name"], defaults={"password": make_password(None)}
        )
        return user
