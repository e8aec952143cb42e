"""uvicorn's HTTP protocol with deadlines and limits: no client holds a connection by being slow.

A proxy in front of a service does the same. This is for where a service is reached directly:
`uvicorn --http portal_shared.service.http_protocol:DeadlineProtocol`.

- The header of a request must be complete `header_seconds` after its first byte, or after the
  connection was opened.
- Its body must be complete `body_seconds` after the header. Requests have at most 1 MiB.
- A client must take some of what is sent to it within `write_seconds`.
- A header has at most 128 KiB and 256 fields, and a request with all that frames it 8 MiB: the
  parser copies an unfinished value with every packet, so that a large one stops the service.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Callable
from typing import Any, Literal

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TIMEOUT_BODY = (
    b'{"title": "Request Timeout", "status": 408, "detail": "the request did not arrive in time: '
    b'send it again"}'
)
TIMEOUT_RESPONSE = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: application/problem+json\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(TIMEOUT_BODY), TIMEOUT_BODY)
)
MAX_HEADER_BYTES = 128 * 1024  # with the address, of which a proxy accepts less
MAX_HEADER_FIELDS = 256
MAX_MESSAGE_BYTES = 8 * 1024 * 1024  # as it arrives: with the frames of small chunks
LARGE_BODY = (
    b'{"title": "Request Header Fields Too Large", "status": 431, "detail": "the header of the '
    b'request has more than 256 fields or 128 KiB: send less"}'
)
LARGE_RESPONSE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/problem+json\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(LARGE_BODY), LARGE_BODY)
)

Phase = Literal["header", "body"]


class _TooLarge(Exception):  # ends the parser
    pass


class DeadlineProtocol(HttpToolsProtocol):
    """One connection. The deadlines are in seconds."""

    header_seconds = 15.0
    body_seconds = 30.0
    write_seconds = 120.0

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._phase: Phase | None = "header"  # what the client is sending; None: nothing
        self._messages = 0  # that have begun
        self._received = 0  # bytes of the current message, without those before its packet
        self._fields = 0  # of its header
        self._field_bytes = 0
        self._is_too_large = False
        self._timed: tuple[Phase, int] | None = None  # what the timer is for
        self._read_timer: TimerHandle | None = None
        self._write_timer: TimerHandle | None = None

    @override
    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        self._schedule()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._phase = None
        self._schedule()
        self._stop_write_timer()

    @override
    def data_received(self, data: bytes) -> None:
        before = self._messages
        super().data_received(data)
        self._received = self._received + len(data) if self._messages == before else 0
        limit = MAX_MESSAGE_BYTES if self._phase == "body" else MAX_HEADER_BYTES
        if self._phase is not None and self._received > limit:
            self._is_too_large = True
            if self._phase == "header" and not self._is_responding():
                self.send_400_response("")
            self._close()
        self._schedule()

    @override
    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._field_bytes += size
        if self._fields > MAX_HEADER_FIELDS or self._field_bytes > MAX_HEADER_BYTES:
            self._is_too_large = True
            raise _TooLarge

    @override
    def send_400_response(self, msg: str) -> None:
        if not self._is_too_large:
            super().send_400_response(msg)
        elif not self.transport.is_closing():
            if not self._is_responding():
                self.transport.write(LARGE_RESPONSE)
            self._close()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._fields = self._field_bytes = 0
        self._phase = "header"
        self._messages += 1

    @override
    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._phase = "body"

    @override
    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._phase = None

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_write_timer()
        self._write_timer = self.loop.call_later(self.write_seconds, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_write_timer()

    @override
    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _schedule(self) -> None:
        """Starts the timer of what the client is sending now, once for each part of a request."""
        wanted = None if self._phase is None else (self._phase, self._messages)
        if wanted == self._timed:
            return
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None
        self._timed = wanted
        if self._phase is not None:
            self._start_read_timer(self._phase)

    def _start_read_timer(self, phase: Phase) -> None:
        late: Callable[[], None] = self._header_late if phase == "header" else self._body_late
        seconds = self.header_seconds if phase == "header" else self.body_seconds
        self._read_timer = self.loop.call_later(seconds, late)

    def _is_responding(self) -> bool:
        """Returns whether the service works on a request of this connection."""
        return bool(self.cycle) and not self.cycle.response_complete

    def _header_late(self) -> None:
        if self._is_responding():
            self._start_read_timer("header")  # the next request waits for this response
        else:
            self._time_out()

    def _body_late(self) -> None:
        if self.flow.read_paused or (self._is_responding() and self.cycle.response_started):
            self._start_read_timer("body")
        else:
            self._time_out()

    def _time_out(self) -> None:
        """Answers 408 if a request has begun and was not answered, and closes the connection."""
        unanswered = self._phase == "header" or self._is_responding()
        if self._messages and unanswered and not self.transport.is_closing():
            self.transport.write(TIMEOUT_RESPONSE)
        self._close()

    def _close(self) -> None:
        """Closes the connection, without waiting for long until the client has taken the rest."""
        if not self.transport.is_closing():
            self.transport.close()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(self.write_seconds, self.transport.abort)
