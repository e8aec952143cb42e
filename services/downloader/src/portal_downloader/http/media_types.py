"""Media types of files as HTTP sends them."""

from portal_shared.contracts import media_types

ACTIVE = ("text/html", "image/svg+xml", "application/xml", "application/pdf")


def media_type(location: str) -> str:
    """Returns the media type of a file; texts are sent as UTF-8."""
    found = media_types.media_type(location)
    return f"{found}; charset=utf-8" if found.startswith("text/") else found


def is_active(media_type_: str) -> bool:
    """Returns whether a browser would execute it as a page of the portal; it is then downloaded."""
    return media_type_.partition(";")[0] in ACTIVE
