"""Errors in Meilisearch's format: message, code, type, link and HTTP status."""

from collections.abc import Mapping

_STATUS: Mapping[str, int] = {
    "index_not_found": 404,
    "document_not_found": 404,
    "task_not_found": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "missing_authorization_header": 401,
    "invalid_api_key": 403,
    "index_already_exists": 409,
    "payload_too_large": 413,
    "missing_content_type": 415,
    "invalid_content_type": 415,
    "feature_not_enabled": 400,
    "internal": 500,
    "too_many_search_requests": 503,
}
_AUTH = frozenset({"missing_authorization_header", "invalid_api_key"})


class Failure(Exception):
    """An error that is sent to the client; codes without a status of their own are sent as 400."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        return _STATUS.get(self.code, 400)

    def body(self) -> dict[str, str]:
        kind = "auth" if self.code in _AUTH else "invalid_request"
        if self.code == "internal":
            kind = "internal"
        return {
            "message": self.message,
            "code": self.code,
            "type": kind,
            "link": f"https://docs.meilisearch.com/errors#{self.code}",
        }


def no_index(uid: str) -> Failure:
    return Failure("index_not_found", f"Index `{uid}` not found.")


def no_document(identifier: str) -> Failure:
    return Failure("document_not_found", f"Document `{identifier}` not found.")
