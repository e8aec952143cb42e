"""Errors of the server: ICAT's eight types."""

from typing import Literal, get_args

Kind = Literal[
    "BAD_PARAMETER",
    "INTERNAL",
    "INSUFFICIENT_PRIVILEGES",
    "NO_SUCH_OBJECT_FOUND",
    "OBJECT_ALREADY_EXISTS",
    "SESSION",
    "VALIDATION",
    "NOT_IMPLEMENTED",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


class IcatError(Exception):
    """An error that the client receives as a SOAP fault; `offset`: index of the bean in a batch."""

    def __init__(self, kind: Kind, message: str, offset: int = -1) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.offset = offset


def bad_parameter(message: str) -> IcatError:
    return IcatError("BAD_PARAMETER", message)


def invalid(message: str) -> IcatError:
    return IcatError("VALIDATION", message)
