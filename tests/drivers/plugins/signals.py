"""No test leaves a signal ignored: processes that later tests start would inherit that."""

import signal
from collections.abc import Generator

import pytest

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _ignored() -> set[signal.Signals]:
    return {number for number in STOP_SIGNALS if signal.getsignal(number) == signal.SIG_IGN}


@pytest.fixture(autouse=True)
def signals_reach_later_processes() -> Generator[None]:
    before = _ignored()
    yield
    left = _ignored() - before
    for number in left:
        signal.signal(number, signal.SIG_DFL)
    assert not left, "this test leaves signals ignored: restore their handlers at its end"


@pytest.fixture
def signal_handlers() -> Generator[None]:
    """Restores the handlers of signals after a program that sets them for the rest of its life."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
