"""HTTP for suds over a connection that stays open: suds connects anew for every request.

As in suds, a request is sent once. A connection that the server has closed is replaced before the
next request.
"""

import io
import select
import ssl
import weakref
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request
from urllib.response import addinfourl

from icat.sslcontext import HTTPSTransport
from typing_extensions import override

FIRST_ERROR_STATUS = 400


class KeepAliveTransport(HTTPSTransport):
    """The transport of one client, with at most one connection."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(context)
        self._context = context
        self._connection: HTTPConnection | None = None
        self._closing: weakref.finalize[..., KeepAliveTransport] | None = None  # of the connection
        self._server = ("", "")  # scheme and host of the connection

    @override
    def u2open(self, u2request: Request, timeout: float | None = None) -> Any:
        """Sends a request of urllib. Raises what urllib does: URLError and HTTPException."""
        connection = self._connected(u2request, timeout or self.options.timeout)
        content: Any = u2request.data
        headers = dict(u2request.header_items())
        is_received = False
        try:
            connection.request(u2request.get_method(), u2request.selector, content, headers)
            answer = connection.getresponse()
            reply = io.BytesIO(answer.read())
            is_received = True
        except OSError as error:
            raise URLError(error) from error
        finally:
            if not is_received:
                self.close()
        if answer.status >= FIRST_ERROR_STATUS:
            raise HTTPError(
                u2request.full_url, answer.status, answer.reason or "", answer.headers, reply
            )
        return addinfourl(reply, answer.headers, u2request.full_url, answer.status)

    def _connected(self, request: Request, timeout: float) -> HTTPConnection:
        """Returns the open connection to the server of a request, else a new one."""
        server = (request.type or "", request.host)
        if self._connection is None or self._server != server or _has_ended(self._connection):
            self.close()
            self._server = server
            self._connection = _new_connection(request, self._context)
            self._closing = weakref.finalize(self, self._connection.close)
        self._connection.timeout = timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        return self._connection

    def close(self) -> None:
        """Closes the connection; another request would open a new one."""
        if self._closing is not None:
            self._closing()
        self._connection = self._closing = None


def _new_connection(request: Request, context: ssl.SSLContext | None) -> HTTPConnection:
    if request.type == "https":
        return HTTPSConnection(request.host, context=context)
    return HTTPConnection(request.host)


def _has_ended(connection: HTTPConnection) -> bool:
    """Returns whether the server closed an open connection, or sent what nobody requested."""
    if connection.sock is None:
        return False
    waiting = select.poll()
    waiting.register(connection.sock, select.POLLIN)
    return bool(waiting.poll(0))
