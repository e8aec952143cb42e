"""A DNS server of one name, whose address changes."""

import socket
import threading
from types import TracebackType
from typing import Self

QTYPE_A = 1


class NameServer:
    """Answers questions for addresses (A) with `address`, and every other with nothing."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def endpoint(self) -> str:
        """Its host and port."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with end:
            end.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(512)
            if not query:
                return
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        """Returns the answer of RFC 1035: header, question, and an address that ages at once."""
        end = query.index(b"\0", 12) + 5
        question = query[12:end]
        is_address = int.from_bytes(question[-4:-2], "big") == QTYPE_A
        header = query[:2] + b"\x81\x80" + b"\0\x01" + bytes((0, int(is_address))) + bytes(4)
        if not is_address:
            return header + question
        record = b"\xc0\x0c\0\x01\0\x01" + bytes(4) + b"\0\x04" + socket.inet_aton(self.address)
        return header + question + record
