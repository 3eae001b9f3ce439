"""What a page of attendance is asked: which room, which span, and who was expected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from presence_events.exceptions import InvalidUser
from presence_events.users import find_user_key
from projections.admin.spans import SpanForm
from projections.times import url_value

__all__ = ["Question", "QuestionForm", "user_keys"]


@dataclass(frozen=True)
class Question:
    """Who was in ``room`` from ``start`` to ``end``? ``expected`` are names or keys of users, one on each line.

    ``activity`` asks also for how long they were active.
    """

    room: str
    start: datetime
    end: datetime
    expected: str
    activity: bool = False

    def parameters(self) -> dict[str, str]:
        """Returns the parameters of the canonical address."""
        values = {
            "room": self.room,
            "from": self.start,
            "until": self.end,
            "expected": self.expected,
            "activity": "on" if self.activity else "",
        }
        return {name: url_value(value) for name, value in values.items() if value}

    def query(self) -> str:
        """Returns the query of the canonical address."""
        return urlencode(self.parameters())

    def expected_users(self) -> list[Any] | None:
        """Returns the keys of the expected users, or None without a list."""
        return user_keys(self.expected) if self.expected else None


class QuestionForm(SpanForm):
    """Reads a `Question` from an address."""

    expected = forms.CharField(
        label=_("Expected"),
        required=False,
        widget=forms.Textarea({"rows": 3, "cols": 20}),
        help_text=_("names or keys of users, one on each line"),
    )

    activity = forms.BooleanField(
        label=_("Activity"), required=False, help_text=_("also for how long people were active")
    )

    field_order = ("room", "start", "end", "last", "expected", "activity")

    def clean_expected(self) -> str:
        lines = [line.strip() for line in self.cleaned_data["expected"].splitlines()]
        text = "\n".join(filter(None, lines))
        user_keys(text)
        return text

    def question(self) -> Question | None:
        """Returns the question, or None if the form is invalid or names no room."""
        if not self.is_valid() or self.cleaned_data["room"] is None:
            return None
        found = self.cleaned_data
        return Question(found["room"], found["start"], found["end"], found["expected"], found["activity"])

    @classmethod
    def of(cls, question: Question) -> QuestionForm:
        """Returns a form filled with ``question``, with times in the current time zone."""
        form = cls(initial={"room": question.room, "expected": question.expected, "activity": question.activity})
        form.fill(start=question.start, end=question.end)
        return form


def user_keys(text: str) -> list[Any]:
    """Returns the keys of the users in ``text``, one on each line. Raises a ValidationError if a line means none."""
    keys = []
    for line in text.splitlines():
        try:
            keys.append(find_user_key(line))
        except InvalidUser:
            message = _("No user has the name %(name)s, and it cannot be a key.")
            raise forms.ValidationError(message, params={"name": line}) from None
    return keys
