"""Signals that end the program: the first raises StopRequested, further ones are ignored."""

import signal
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(KeyboardInterrupt):
    """A signal requested the end. Not an Exception: nobody takes it for an error."""


class StopSignals:
    def __init__(self) -> None:
        self._is_stopping = False

    def install(self) -> None:
        """Handles the signals from now on; an ignored SIGHUP (nohup) stays ignored."""
        for number in NUMBERS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def ignore(self) -> None:
        """Ignores all further signals: the end must not be interrupted."""
        self._is_stopping = True
        for number in NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            raise StopRequested
