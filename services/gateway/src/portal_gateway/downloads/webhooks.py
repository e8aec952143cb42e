"""Calls the webhooks of readers: only public addresses, a bounded time, nothing of the answer.

The address that was judged is the address that is called, so that a name that changes meanwhile
leads nowhere else. Redirects are not followed. Of the answer only the status is read.
"""

import asyncio
import contextlib
import json
import socket
import ssl
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from portal_shared.runtime.errors import Invalid, Unavailable

from portal_gateway.downloads.public_addresses import is_public

CALL_SECONDS = 10.0  # for all of a call: lookup, connection, request, status
LOOKUP_SECONDS = 5.0
CONNECT_SECONDS = 3.0  # to one address
LOOKUPS_AT_ONCE = 8  # a lookup holds its thread as long as the name server likes
MAX_ADDRESSES = 3  # of a host, tried one after the other
CALLS_AT_ONCE_PER_TARGET = 2
MAX_CALLS_AT_ONCE = 100
RETRIED_STATUSES = frozenset({408, 425, 429})  # and all from 500
NOT_PUBLIC = "its host cannot be called: it has no public address"


class WebhookRefused(Invalid):
    """Another call would not help: the target is not allowed, or it does not want the call."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, field="webhook")


class TargetBusy(Unavailable):
    """As many calls as allowed are being made to this target."""


class Webhooks:
    """Judges and calls webhooks; shared by all who notify."""

    def __init__(self, *, allow_private: bool, call_seconds: float = CALL_SECONDS) -> None:
        self._allow_private = allow_private
        self._call_seconds = call_seconds
        self._lookups = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="webhook-lookup")
        self._calls = Counter[str]()
        self._transport: httpx.AsyncHTTPTransport | None = None

    async def close(self) -> None:
        self._lookups.shutdown(wait=False, cancel_futures=True)
        if self._transport is not None:
            await self._transport.aclose()

    async def check(self, url: str) -> None:
        """Raises WebhookRefused if the host may not be called.

        A host that cannot be looked up now is judged again before the call.
        """
        with contextlib.suppress(Unavailable):
            await self._resolve(httpx.URL(url))

    async def call(self, url: str, payload: Mapping[str, Any]) -> None:
        """Sends the payload as JSON by POST; returns once the target has accepted it.

        Raises TargetBusy, Unavailable if another attempt may succeed, else WebhookRefused.
        """
        try:
            address = httpx.URL(url)
            with self._slot(f"host {address.host}"):
                async with asyncio.timeout(self._call_seconds):
                    addresses = await self._resolve(address)
                    with self._slot(f"address {min(addresses)}"):
                        status = await self._post(address, addresses, payload)
        except TimeoutError:
            reason = f"the webhook did not answer within {self._call_seconds:.0f} s"
            raise Unavailable(reason) from None
        except (httpx.HTTPError, OSError) as error:
            raise Unavailable(f"the webhook cannot be reached: {error!r}"[:300]) from error
        except (httpx.InvalidURL, ValueError) as error:
            raise WebhookRefused(f"is not a URL: {error}"[:300]) from error
        _raise_for_status(status)

    @contextlib.contextmanager
    def _slot(self, target: str) -> Generator[None]:
        """Counts a call to a target. Raises TargetBusy."""
        if self._calls[target] >= CALLS_AT_ONCE_PER_TARGET:
            raise TargetBusy("other calls to this webhook have not ended yet")
        self._calls[target] += 1
        try:
            yield
        finally:
            self._calls[target] -= 1
            if not self._calls[target]:
                del self._calls[target]

    async def _resolve(self, address: httpx.URL) -> Sequence[str]:
        """Returns the addresses of the host. Raises WebhookRefused or Unavailable."""
        port = address.port or (443 if address.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await loop.run_in_executor(self._lookups, _look_up, address.host, port)
        except TimeoutError:
            raise Unavailable("the host of the webhook cannot be looked up in time") from None
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise Unavailable(
                    f"the host of the webhook cannot be looked up: {error}"
                ) from error
            raise WebhookRefused(NOT_PUBLIC) from error
        except UnicodeError as error:
            raise WebhookRefused(NOT_PUBLIC) from error
        if not self._allow_private and not all(is_public(one) for one in found):
            raise WebhookRefused(NOT_PUBLIC)
        return found

    async def _post(
        self, url: httpx.URL, addresses: Sequence[str], payload: Mapping[str, Any]
    ) -> int:
        """Sends the request to the first address that can be reached; returns the status."""
        body = json.dumps(payload).encode()
        for number, address in enumerate(addresses[:MAX_ADDRESSES], start=1):
            request = httpx.Request(
                "POST",
                url.copy_with(host=address),
                headers={
                    "Host": url.netloc.decode(),
                    "User-Agent": "portal",
                    "Content-Type": "application/json",
                    "Accept-Encoding": "identity",
                    "Connection": "close",
                },
                content=body,
                extensions={
                    "sni_hostname": url.host,
                    "timeout": httpx.Timeout(self._call_seconds, connect=CONNECT_SECONDS).as_dict(),
                },
            )
            try:
                answer = await self._open_transport().handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == min(len(addresses), MAX_ADDRESSES):
                    raise
                continue
            await answer.aclose()  # the body is not read
            return answer.status_code
        raise Unavailable("the host of the webhook has no address")

    def _open_transport(self) -> httpx.AsyncHTTPTransport:
        """Returns the transport: without cookies, redirects, proxies and decompression."""
        if self._transport is None:
            limits = httpx.Limits(max_connections=MAX_CALLS_AT_ONCE, max_keepalive_connections=0)
            context = ssl.create_default_context()
            self._transport = httpx.AsyncHTTPTransport(
                verify=context, limits=limits, trust_env=False
            )
        return self._transport


def _look_up(host: str, port: int) -> list[str]:
    """Returns the addresses of a host, each once. Blocking."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _raise_for_status(status: int) -> None:
    """Raises Unavailable or WebhookRefused unless the status is 2xx."""
    if status in RETRIED_STATUSES or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise Unavailable(f"the webhook answered with status {status}")
    if httpx.codes.is_redirect(status):
        raise WebhookRefused(
            f"the webhook answered with status {status}; redirects are not followed"
        )
    if not httpx.codes.is_success(status):
        raise WebhookRefused(f"the webhook answered with status {status}")
