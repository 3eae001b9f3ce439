"""Requests to stop."""

from __future__ import annotations

import os
import signal

import pytest

from projections._worker.shutdown import ShutdownRequest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_a_request_and_the_second_an_interrupt(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with ShutdownRequest.from_signals() as shutdown:
        assert not shutdown.wait(0)
        os.kill(os.getpid(), number)
        assert shutdown.wait(3600)
        assert shutdown.wait(3600)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before
