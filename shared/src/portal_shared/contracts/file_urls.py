"""The public address of a file: /data/{pid}/{location}; the pid is one segment, slashes escaped.

Those of the location are not: one that is escaped names nothing.
"""

from urllib.parse import quote, unquote_to_bytes

PREFIX = "/data/"


def data_path(pid: str, location: str = "") -> str:
    """The address of a file, or of the list of all without a location."""
    return f"{PREFIX}{quote(pid, safe='')}/{quote(location)}"


def parse_data_path(raw: bytes) -> tuple[str, str] | None:
    """The pid and location that a path names, as it came, still escaped; None for no such path.

    What it returns is a key to look up, never a path to open.
    """
    start = PREFIX.encode()
    if not raw.startswith(start):
        return None
    pid, _, location = raw[len(start) :].partition(b"/")
    if b"%2f" in location.lower():  # a file has one address
        return None
    try:
        found = unquote_to_bytes(pid).decode(), unquote_to_bytes(location).decode()
    except UnicodeDecodeError:
        return None
    return found if found[0] and "\0" not in found[0] + found[1] else None


def folder_name(pid: str) -> str:
    """Returns the name of the folder for a dataset's files, on disk and in archives."""
    found = "".join(c if c.isalnum() or c in "._-" else "_" for c in pid)[:200]
    return found if found.strip(".") else "dataset"
