"""One family of errors. `status` is read at both edges: HTTP answers with it, the bus retries 5xx.

PortalError            500
├── Invalid            422   the input can never succeed; says which field, and why
├── NotFound           404
├── Conflict           409   true when it was sent, not any more
├── Gone                   410   it was there, and was taken back for a reason
├── TooMany            429   a quota or a limit; worth another try, by the caller
└── Unavailable        503   something outside; worth another try, by us
"""


class PortalError(Exception):
    status = 500

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        super().__init__(reason if field is None else f"{field}: {reason}")
        self.reason = reason
        self.field = field


class Invalid(PortalError):
    status = 422


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
    """Trying again may help: everything but an error that says it never will."""
    return not (isinstance(error, PortalError) and error.status < PortalError.status)
