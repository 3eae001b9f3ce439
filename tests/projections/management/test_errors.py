"""How commands report that they could not do their work."""

from __future__ import annotations

import pytest
from django.core.management import CommandError
from django.db import OperationalError

from presence_events.exceptions import InvalidPosition
from projections.management.errors import FAILED, reported_errors


@pytest.mark.parametrize("error", [InvalidPosition("Got 7."), OperationalError("unavailable"), OSError("disk full")])
def test_an_error_that_is_no_bug_becomes_a_command_error_with_its_message(error: Exception) -> None:
    with pytest.raises(CommandError) as reported, reported_errors():
        raise error
    assert str(reported.value) == str(error)
    assert reported.value.returncode == FAILED == 2
    assert reported.value.__cause__ is error


def test_any_other_error_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), reported_errors():
        raise ZeroDivisionError
