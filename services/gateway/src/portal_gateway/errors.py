"""Errors as the PaNOSC search API tells them: {"error": {"statusCode", "message", …}}."""

from portal_shared.runtime.errors import PortalError

NOT_FOUND = "MODEL_NOT_FOUND"
TOO_DEEP = "QUERY_OBJECT_TOO_DEEP"


class Refused(PortalError):
    """What was asked cannot be answered; says what would be understood."""

    status = 400

    def __init__(self, reason: str, *, code: str | None = None) -> None:
        super().__init__(reason)
        self.code = code


class NothingThere(PortalError):
    status = 404

    def __init__(self, reason: str, *, code: str | None = None) -> None:
        super().__init__(reason)
        self.code = code


class NotAcceptable(PortalError):
    status = 406


def body(error: PortalError) -> dict[str, dict[str, str | int]]:
    """The answer's body; no more of a fault of ours than that there is one."""
    told: dict[str, str | int] = {
        "statusCode": error.status,
        "name": "Error",
        "message": error.reason,
    }
    code = getattr(error, "code", None)
    if code:
        told["code"] = code
    return {"error": told}
