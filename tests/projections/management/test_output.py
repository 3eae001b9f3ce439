"""Standard output that the reader closes early."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.core.management import call_command

from tests.projections.replay.histories import record_history

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "arguments",
    [("presence_at", "0"), ("presence_what_if", "0"), ("presence_resend", ".."), ("replay_presence", "--check")],
)
def test_a_closed_pipe_ends_a_command_quietly_like_sigpipe(user: Any, arguments: tuple[str, ...]) -> None:
    record_history(user)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed, pytest.raises(SystemExit) as error:
        call_command(*arguments, stdout=closed)
    assert error.value.code == 141
