"""Errors of the gateway, and the error body of the PaNOSC search API."""

from portal_shared.runtime.errors import PortalError

MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
QUERY_TOO_DEEP = "QUERY_OBJECT_TOO_DEEP"


class BadRequest(PortalError):
    """The request is not valid. The message has what is expected."""

    status = 400

    def __init__(self, reason: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(reason, field=field)
        self.code = code


class ResourceNotFound(PortalError):
    """There is no such record, or no such route."""

    status = 404

    def __init__(self, reason: str, *, code: str | None = None) -> None:
        super().__init__(reason)
        self.code = code


class NotAcceptable(PortalError):
    """None of the available media types is acceptable to the reader."""

    status = 406


def panosc_error(error: PortalError) -> dict[str, dict[str, str | int]]:
    """Returns the error body of the PaNOSC search API."""
    body: dict[str, str | int] = {
        "statusCode": error.status,
        "name": "Error",
        "message": error.reason,
    }
    code = getattr(error, "code", None)
    if code:
        body["code"] = code
    return {"error": body}
