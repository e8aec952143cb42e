"""A mail server that stores what it receives."""

import contextlib
from collections.abc import Iterator
from typing import Any

from aiosmtpd.controller import Controller
from portal_local.launcher.ports import free_port


class Mailbox:
    """Handler of an SMTP server on a free port."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.port = free_port()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 accepted"


@contextlib.contextmanager
def serve_mailbox() -> Iterator[Mailbox]:
    """Runs the mail server while the context is open."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
