"""The progress of long work."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management.base import OutputWrapper

from projections.management import progress
from projections.management.progress import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_grows_on_a_terminal_and_is_erased_when_all_is_done() -> None:
    terminal = Terminal()
    with Progress(OutputWrapper(terminal)) as report:
        report("joins and leaves", 1, 3)
        report("touches", 3, 3)
        assert on_screen(terminal) == ""
    first, second, *_ = terminal.getvalue().split("\r")[1:]
    assert first == "[##########                    ]  33 %  joins and leaves"
    assert second.rstrip() == "[##############################] 100 %  touches"
    assert len(second) >= len(first)


def test_a_bar_is_erased_after_an_error() -> None:
    terminal = Terminal()
    with pytest.raises(RuntimeError), Progress(OutputWrapper(terminal)) as report:
        report("touches", 1, 3)
        assert on_screen(terminal) == "[##########                    ]  33 %  touches"
        raise RuntimeError
    assert on_screen(terminal) == ""


def on_screen(terminal: Terminal) -> str:
    """Returns the line that remains after everything was written over it."""
    line = ""
    for text in terminal.getvalue().split("\r"):
        line = text + line[len(text) :]
    return line.rstrip()


def test_a_log_file_gets_a_line_at_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    log = StringIO()
    with Progress(OutputWrapper(log)) as report:
        report("touches", 1, 1000)
        assert log.getvalue() == ""
        monkeypatch.setattr(progress, "LINE_INTERVAL", 0.0)
        report._next_line = 0.0
        report("touches", 500_000, 1_000_000)
        report("touches", 600_000, 1_000_000)
    assert log.getvalue() == "touches: 500,000 of 1,000,000\ntouches: 600,000 of 1,000,000\n"


@pytest.mark.parametrize("stream", [StringIO(), Terminal()])
def test_it_can_be_quiet(stream: StringIO) -> None:
    with Progress(OutputWrapper(stream), quiet=True) as report:
        report._next_line = 0.0
        report("touches", 1, 1)
    assert stream.getvalue() == ""
