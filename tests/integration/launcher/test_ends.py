"""How launcher and database end: by signals, and after a panic of the storage engine."""

import os
import signal
import subprocess
import sys

import pytest
from portal_local.launcher.processes import STOP_SIGNALS, StopRequested, StopSignals
from portal_local.launcher.secantusdb import panics
from portal_local.launcher.up import port_number

PANIC = """
import threading
from portal_local.launcher.secantusdb import panics
panics.PANIC_CHECK_SECONDS = 0.01

class Connection:
    def open_session(self):
        raise RuntimeError("WT_PANIC: WiredTiger library panic")

class Storage:
    def __init__(self):
        self._conn = Connection()
    def close(self):
        pass

panics.end_on_panic(Storage)
storage = Storage()
{then}
"""


@pytest.fixture
def signals(signal_handlers: None) -> StopSignals:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it, and the launcher then, too
    return StopSignals()


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_the_first_signal_requests_the_end_and_others_are_ignored(
    signals: StopSignals, number: signal.Signals
) -> None:
    signals.install()
    with pytest.raises(StopRequested):
        signal.raise_signal(number)
    for other in STOP_SIGNALS:
        signal.raise_signal(other)


def test_signals_during_the_end_are_ignored(signals: StopSignals) -> None:
    signals.install()
    signals.ignore()
    for number in STOP_SIGNALS:
        signal.raise_signal(number)
        assert signal.getsignal(number) == signal.SIG_IGN


def test_nohup_stays_in_force(signals: StopSignals) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals.install()
    os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.parametrize("text", ["0", "-1", "65536", "99999999999", "", "http", "8000.0"])
def test_a_number_that_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # argparse shows the text
        port_number(text)


def test_the_database_ends_after_a_panic_so_that_it_is_started_again() -> None:
    script = PANIC.format(then="threading.Event().wait()")
    run = subprocess.run([sys.executable, "-c", script], timeout=120, check=False)
    assert run.returncode == panics.EXIT_PANIC


def test_a_storage_that_is_closed_is_not_watched() -> None:
    script = PANIC.format(then="storage.close()").replace("SECONDS = 0.01", "SECONDS = 60")
    subprocess.run([sys.executable, "-c", script], timeout=120, check=True)
