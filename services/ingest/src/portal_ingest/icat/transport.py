"""HTTP for suds over a connection that stays open: suds connects anew for every request.

As in suds, a request is sent once. A connection that the server has closed is replaced before the
next request.
"""

import io
import ssl
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request
from urllib.response import addinfourl

import urllib3
import urllib3.exceptions
from icat.sslcontext import HTTPSTransport
from typing_extensions import override

FIRST_ERROR_STATUS = 400


class KeepAliveTransport(HTTPSTransport):
    """The transport of one client, with at most one connection."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(context)
        self._pool = urllib3.PoolManager(maxsize=1, retries=False, ssl_context=context)

    @override
    def u2open(self, u2request: Request, timeout: float | None = None) -> Any:
        """Sends a request of urllib. Raises URLError and HTTPError as urllib does."""
        content: Any = u2request.data
        try:
            answer = self._pool.request(
                u2request.get_method(),
                u2request.full_url,
                body=content,
                headers=dict(u2request.header_items()),
                timeout=timeout or self.options.timeout,
                redirect=False,
                decode_content=False,
            )
        except urllib3.exceptions.SSLError as error:
            raise URLError(error.args[0]) from error
        except urllib3.exceptions.HTTPError as error:
            raise URLError(str(error)) from error
        reply, headers = io.BytesIO(answer.data), answer.headers
        if answer.status >= FIRST_ERROR_STATUS:
            reason = answer.reason or ""
            raise HTTPError(u2request.full_url, answer.status, reason, headers, reply)  # pyright: ignore[reportArgumentType]
        return addinfourl(reply, headers, u2request.full_url, answer.status)  # pyright: ignore[reportArgumentType]

    def close(self) -> None:
        """Closes the connection; another request would open a new one."""
        self._pool.clear()
