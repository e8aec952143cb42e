"""Notifies requesters by e-mail or webhook that their download has ended.

The address is erased after the notice was sent, or after the last attempt.
"""

import asyncio
import ipaddress
import smtplib
import socket
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import httpx
from portal_shared.runtime.errors import Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import Doc, translate_errors

from portal_gateway.downloads.download import Download
from portal_gateway.downloads.repository import Downloads
from portal_gateway.downloads.views import download_view, listing_path
from portal_gateway.settings import GatewaySettings

log = logger(__name__)

MAX_ATTEMPTS = 6
LEASE = timedelta(seconds=120)
FAILURES = (  # ValueError: an invalid host name or mailbox
    OSError, smtplib.SMTPException, httpx.HTTPError, httpx.InvalidURL, ValueError, Unavailable,
)  # fmt: skip


class Notifier:
    def __init__(self, settings: GatewaySettings, downloads: Downloads) -> None:
        self._settings = settings
        self._rows = downloads.rows

    async def step(self) -> bool:
        """Sends the notices of one download that has ended; False if there is none."""
        download = await self._claim()
        if download is None:
            return False
        remaining = dict(download.notify)
        for channel, send in (("email", self._send_mail), ("webhook", self._call_webhook)):
            if channel not in remaining:
                continue
            try:
                await send(download, remaining[channel])
            except FAILURES as error:
                reason = str(error)[:300] or repr(error)
                log.warning("notice not sent", channel=channel, reason=reason)
            else:
                del remaining[channel]
        attempts = download.failed_notices + 1
        if attempts >= MAX_ATTEMPTS:
            remaining = {}
        pause = self._settings.notice_pause * 2 ** (attempts - 1)
        await self._store(download, remaining, pause=pause)
        return True

    async def _claim(self) -> Download | None:
        """Leases an ended download with a pending notice, so that no other replica sends it."""
        now = datetime.now(UTC)
        with translate_errors():
            row = await self._rows.find_one_and_update(
                {"done": True, "notify_at": {"$lte": now}}, {"$set": {"notify_at": now + LEASE}}
            )
        return Download.from_row(row) if row else None

    async def _store(self, download: Download, remaining: dict[str, str], *, pause: float) -> None:
        """Erases the addresses of sent notices and schedules the remaining ones."""
        change: Doc = {"$unset": {"notify": "", "notify_at": ""}}
        if remaining:
            later = datetime.now(UTC) + timedelta(seconds=pause)
            change = {
                "$set": {"notify": remaining, "notify_at": later},
                "$inc": {"notice_tries": 1},
            }
        with translate_errors():
            await self._rows.update_one({"_id": download.id}, change)

    async def _send_mail(self, download: Download, address: str) -> None:
        await asyncio.to_thread(self._deliver, build_message(download, address, self._settings))

    def _deliver(self, mail: EmailMessage) -> None:
        settings = self._settings
        with smtplib.SMTP(settings.smtp_host or "", settings.smtp_port, timeout=30) as server:
            if settings.smtp_starttls:
                server.starttls()
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            server.send_message(mail)

    async def _call_webhook(self, download: Download, url: str) -> None:
        address = httpx.URL(url)
        host = address.host
        found = await asyncio.to_thread(_resolve, host, address.port or 443)
        if not self._settings.webhook_private and not all(_is_public(ip) for ip in found):
            log.warning("notice not sent", channel="webhook", reason="host is not public")
            return  # another attempt would not help
        async with httpx.AsyncClient(timeout=10, follow_redirects=False) as client:
            answer = await client.post(
                address.copy_with(host=found[0]),  # the address that was checked
                json=download_view(download),
                headers={"Host": address.netloc.decode(), "User-Agent": "portal"},
                extensions={"sni_hostname": host},
            )
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"the webhook returned status {answer.status_code}")


def build_message(download: Download, address: str, settings: GatewaySettings) -> EmailMessage:
    """Returns the e-mail with the outcome and the address of the files."""
    result = download.result
    is_complete = result == "complete"
    outcome = {"complete": "is ready", "partial": "is ready in part"}.get(
        result or "", "has failed"
    )
    mail = EmailMessage()
    mail["From"], mail["To"] = settings.smtp_from, address
    mail["Subject"] = f"Your download of {download.pid} {outcome}"
    mail["Auto-Submitted"] = "auto-generated"
    path = download_view(download)["data"] if is_complete else listing_path(download)
    link = f"{settings.site_url}{path}"
    if is_complete:
        text = (
            f"All {download.files} files ({download.bytes} bytes) are ready and verified:\n\n{link}"
        )
    else:
        text = (
            f"{download.files_online} of {download.files} files are ready:\n\n{link}\n\n"
            f"The other files are not available: {download.reason}"
        )
    mail.set_content(
        f"{text}\n\nThis portal has deleted your e-mail address and will not write to it again.\n"
    )
    return mail


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_global
