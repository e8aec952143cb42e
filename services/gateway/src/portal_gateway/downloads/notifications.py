"""Notifies requesters by e-mail or webhook that their download has ended.

The address is erased after the notice was sent, or after the last attempt.
"""

import asyncio
import smtplib
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import ASCENDING, Doc, translate_errors
from portal_shared.runtime.worker import Worker

from portal_gateway.downloads.download import Download
from portal_gateway.downloads.repository import Downloads
from portal_gateway.downloads.views import download_view, listing_path
from portal_gateway.downloads.webhooks import TargetBusy, Webhooks
from portal_gateway.settings import GatewaySettings

log = logger(__name__)

MAX_ATTEMPTS = 6
LEASE = timedelta(seconds=120)
BUSY_SECONDS = 5.0  # before a notice to a busy target is tried again
IDLE_SECONDS = 60.0  # between checks of the workers that the first one wakes
FAILURES = (  # ValueError: an invalid mailbox
    OSError, smtplib.SMTPException, ValueError, Unavailable,
)  # fmt: skip


class Notifier:
    """Sends notices, several at the same time: a slow target delays no other one."""

    def __init__(self, settings: GatewaySettings, downloads: Downloads, webhooks: Webhooks) -> None:
        self._settings = settings
        self._rows = downloads.rows
        self._webhooks = webhooks
        self._others: list[Worker] = []

    def workers(self) -> list[Worker]:
        """Returns the workers. The first one looks for notices and wakes the others."""
        first = Worker("notices", self.step)
        self._others = [
            Worker(f"notices {number}", self.step, idle_seconds=IDLE_SECONDS)
            for number in range(1, self._settings.notices_at_once)
        ]
        return [first, *self._others]

    async def step(self) -> bool:
        """Sends the notices of one download that has ended; False if there is none."""
        download = await self._claim()
        if download is None:
            return False
        for worker in self._others:
            worker.wake.set()
        outcomes: dict[str, str] = {}
        busy = False
        for channel, address in download.notify.items():
            send = {"email": self._send_mail, "webhook": self._call_webhook}[channel]
            try:
                await send(download, address)
            except TargetBusy:
                busy = True
            except Invalid as error:  # another attempt would not help
                outcomes[channel] = f"failed: {error.reason}"
            except FAILURES as error:
                reason = str(error)[:300] or repr(error)
                log.warning("notice not sent", channel=channel, reason=reason)
                if download.failed_notices + 1 >= MAX_ATTEMPTS:
                    outcomes[channel] = f"failed: {_public_reason(error)}"
            else:
                outcomes[channel] = "sent"
        await self._store(download, outcomes, busy=busy)
        return True

    async def _claim(self) -> Download | None:
        """Leases an ended download with a pending notice, so that no other replica sends it."""
        now = datetime.now(UTC)
        with translate_errors():
            row = await self._rows.find_one_and_update(
                {"done": True, "notify_at": {"$lte": now}},
                {"$set": {"notify_at": now + LEASE}},
                sort=[("notify_at", ASCENDING)],
            )
        return Download.from_row(row) if row else None

    async def _store(self, download: Download, outcomes: dict[str, str], *, busy: bool) -> None:
        """Stores outcomes, erases the addresses of ended notices, schedules the others.

        A notice that was not tried because its target is busy is no attempt.
        """
        for channel, outcome in outcomes.items():
            if outcome != "sent":
                log.warning("notice given up", channel=channel, reason=outcome)
        remaining = {c: a for c, a in download.notify.items() if c not in outcomes}
        fields: Doc = {f"notices.{channel}": outcome for channel, outcome in outcomes.items()}
        change: Doc = {"$unset": {"notify": "", "notify_at": ""}}
        if remaining:
            pause = BUSY_SECONDS
            if not busy:
                pause = self._settings.notice_pause * 2**download.failed_notices
                change["$inc"] = {"notice_tries": 1}
            fields |= {
                "notify": remaining,
                "notify_at": datetime.now(UTC) + timedelta(seconds=pause),
            }
            del change["$unset"]
        if fields:
            change["$set"] = fields
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
        await self._webhooks.call(url, download_view(download).as_json())


def _public_reason(error: Exception) -> str:
    """Returns what the requester may read: nothing of the portal's own mail server."""
    return error.reason if isinstance(error, Unavailable) else "the message was not accepted"


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
    path = download_view(download).data if is_complete else listing_path(download)
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
