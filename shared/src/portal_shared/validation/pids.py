"""Which pids of records can be addressed: they are part of the portal's URLs."""

import re

RESERVED = frozenset({"count", "facets", "suggest", "export"})  # /api/datasets/count
RESERVED_ENDS = ("/files", "/files/count", "/citation", "/history")  # /api/datasets/PID/files
_ADDRESS = re.compile(r"(https?|ftp|file|mailto|javascript|data):", re.IGNORECASE)
_ENCODED = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)


def pid_problem(pid: str) -> str | None:
    """Returns why a record with this pid would have no page or no files; None if it has.

    Clients and proxies remove `.`, `..`, and empty parts from addresses, and decode what is
    percent-encoded.
    """
    shown = repr(pid[:80])
    if _ADDRESS.match(pid) or "//" in pid:
        return f"{shown} is an address; a pid is a name, such as the part after the host"
    parts = pid.split("/")
    if "" in parts:
        return f"{shown} begins or ends with a slash"
    if any(part in (".", "..") for part in parts):
        return f"{shown} has a part '.' or '..', which clients remove from addresses"
    if "\\" in pid or _ENCODED.search(pid):
        return f"{shown} has a backslash or percent-encoded characters; write the characters"
    lowered = pid.lower()
    if lowered in RESERVED or f"/{lowered}".endswith(RESERVED_ENDS):
        return f"{shown} is a reserved word of the portal's addresses; choose another pid"
    return None
