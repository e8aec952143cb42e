"""Errors of the portal. HTTP responses use their `status`; messages are retried from 500 up.

PortalError            500
├── Invalid            422   wrong input: names the field and the reason
├── Unauthorized       401   the token of operators is missing or wrong
├── Forbidden          403   the request is never allowed in this way
├── NotFound           404
├── Conflict           409   the request does not fit the present state
├── Gone               410   existed, and was withdrawn for a reason
├── TooMany            429   a quota or a limit; the caller may try again
└── Unavailable        503   something outside is down; we try again
"""


class PortalError(Exception):
    status = 500

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        super().__init__(reason if field is None else f"{field}: {reason}")
        self.reason = reason
        self.field = field


class Invalid(PortalError):
    status = 422


class Unauthorized(PortalError):
    status = 401


class Forbidden(PortalError):
    status = 403


class NotFound(PortalError):
    status = 404


class Conflict(PortalError):
    status = 409


class Gone(PortalError):
    status = 410


class TooMany(PortalError):
    status = 429


class Unavailable(PortalError):
    status = 503


def may_succeed_later(error: BaseException) -> bool:
    """Whether another attempt may succeed: true for all errors except those with status 4xx."""
    return not (isinstance(error, PortalError) and error.status < PortalError.status)
