"""A mail server that stores what it receives."""

from typing import Any

from portal_local.launcher.ports import free_port


class Mailbox:
    """Handler of an SMTP server on a free port."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.port = free_port()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 accepted"
