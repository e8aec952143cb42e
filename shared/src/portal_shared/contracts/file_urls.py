"""Public addresses of files: /data/{pid}/{location}.

The pid is one path segment with escaped slashes. Slashes of the location are not escaped: an
address with an escaped one is invalid, so each file has exactly one address.
"""

from urllib.parse import quote, unquote_to_bytes

PREFIX = "/data/"


def data_path(pid: str, location: str = "") -> str:
    """Returns the address of a file, or of the file list if there is no location."""
    return f"{PREFIX}{quote(pid, safe='')}/{quote(location)}"


def parse_data_path(raw: bytes) -> tuple[str, str] | None:
    """Returns pid and location of an escaped path; None if it is not an address of a file.

    The result is a key for a query, never a path to open.
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
