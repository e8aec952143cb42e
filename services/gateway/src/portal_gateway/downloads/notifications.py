"""Tells readers who asked for it that their download has ended: by e-mail, by a call, or both.

Where to is erased once it was told, or could not be told often enough.
"""

import asyncio
import ipaddress
import smtplib
import socket
from email.message import EmailMessage

import httpx
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Doc

from portal_gateway.downloads.repository import Downloads
from portal_gateway.downloads.views import result, told
from portal_gateway.settings import GatewaySettings

log = logger(__name__)

MOST_TRIES = 6
FAILURES = (  # ValueError: what cannot be a name of a host, or of a mailbox, after all
    OSError, smtplib.SMTPException, httpx.HTTPError, httpx.InvalidURL, ValueError, Unavailable,
)  # fmt: skip


class Noticing:
    def __init__(self, settings: GatewaySettings, downloads: Downloads) -> None:
        self._settings = settings
        self._downloads = downloads

    async def step(self) -> bool:
        """One download that has ended and whose reader is to be told; False if there is none."""
        row = await self._downloads.claim_notice()
        if row is None:
            return False
        left = dict(row["notify"])
        for way, tell in (("email", self._mail), ("webhook", self._call)):
            if way not in left:
                continue
            try:
                await tell(row, left[way])
            except FAILURES as error:
                log.warning("notice not sent", way=way, reason=str(error)[:300] or repr(error))
            else:
                del left[way]
        tries = row.get("notice_tries", 0) + 1
        if tries >= MOST_TRIES:
            left = {}
        await self._downloads.noticed(
            row, left, pause=self._settings.notice_pause * 2 ** (tries - 1)
        )
        return True

    async def _mail(self, row: Doc, address: str) -> None:
        await asyncio.to_thread(self._send, message(row, address, self._settings))

    def _send(self, mail: EmailMessage) -> None:
        told = self._settings
        with smtplib.SMTP(told.smtp_host or "", told.smtp_port, timeout=30) as server:
            if told.smtp_starttls:
                server.starttls()
            if told.smtp_user:
                server.login(told.smtp_user, told.smtp_password.get_secret_value())
            server.send_message(mail)

    async def _call(self, row: Doc, url: str) -> None:
        address = httpx.URL(url)
        host = address.host
        found = await asyncio.to_thread(_resolved, host, address.port or 443)
        if not self._settings.webhook_private and not all(_is_public(ip) for ip in found):
            log.warning("notice not sent", way="webhook", reason="its host is not public")
            return  # never will be
        async with httpx.AsyncClient(timeout=10, follow_redirects=False) as client:
            answer = await client.post(
                address.copy_with(host=found[0]),  # what was looked at is what is called
                json=told(row),
                headers={"Host": address.netloc.decode(), "User-Agent": "portal"},
                extensions={"sni_hostname": host},
            )
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"it answers {answer.status_code}")


def message(row: Doc, address: str, settings: GatewaySettings) -> EmailMessage:
    """In plain words, with where to go on."""
    ended = result(row)
    ready = ended == "complete"
    how = {"complete": "is ready", "partial": "is ready in part"}.get(ended or "", "has failed")
    mail = EmailMessage()
    mail["From"], mail["To"] = settings.smtp_from, address
    mail["Subject"] = f"Your download of {row['pid']} {how}"
    mail["Auto-Submitted"] = "auto-generated"
    where = f"{settings.site_url}{told(row)['data' if ready else 'listing']}"
    if ready:
        text = f"All {row['files']} files ({row['bytes']} bytes) are ready and verified:\n\n{where}"
    else:
        text = (
            f"{row['files_online']} of {row['files']} files are ready:\n\n{where}\n\n"
            f"The others are not: {row['reason']}"
        )
    mail.set_content(f"{text}\n\nThis address has been erased here; no more will be sent to it.\n")
    return mail


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_global
