"""Names of files outside the portal: in archives, lists, scripts and on the disks of readers.

Every file has one name there, whatever brings it.
"""

import re
import unicodedata
from collections.abc import Iterable

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\%]')
_ENDING = re.compile(r"[. ]$")
_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])(?:[. ]|$)", re.IGNORECASE)
_MANIFEST_ESCAPED = re.compile(r"[%\r\n]")


def outside_path(location: str) -> str:
    """Returns the path of a file, below the folder of its dataset, that every system allows.

    Characters that Windows does not allow, the first letter of the names of its devices, and
    percent signs are written as %XX, so that different locations have different paths.
    """
    return "/".join(_outside_name(name) for name in location.split("/"))


def _outside_name(name: str) -> str:
    found = _ENDING.sub(_escape, _UNSAFE.sub(_escape, name))
    return f"%{ord(found[0]):02X}{found[1:]}" if _DEVICE.match(found) else found


def _escape(match: re.Match[str]) -> str:
    return f"%{ord(match.group()):02X}"


def manifest_path(path: str) -> str:
    """Returns a path as manifests and fetch.txt of a bag write it (RFC 8493, section 2.1.3)."""
    return _MANIFEST_ESCAPED.sub(_escape, path)


def colliding_paths(locations: Iterable[str]) -> list[list[str]]:
    """Returns groups of paths that are one path on macOS or Windows.

    They differ only by case or by Unicode normal form. Of two folders, the folders are in a group,
    not the files in them.
    """
    by_key: dict[tuple[str, str], set[str]] = {}
    for path in _with_folders(locations):
        folder, _, name = path.rpartition("/")
        by_key.setdefault((folder, folded_name(name)), set()).add(path)
    return [sorted(paths) for paths in by_key.values() if len(paths) > 1]


def _with_folders(locations: Iterable[str]) -> set[str]:
    paths: set[str] = set()
    for location in locations:
        path = location
        while path and path not in paths:
            paths.add(path)
            path = path.rpartition("/")[0]
    return paths


def folded_name(name: str) -> str:
    """Returns the name for caseless comparison (Unicode 15, definition D145)."""
    decomposed = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFD", decomposed)


def collision_reason(paths: list[str]) -> str:
    """Returns a sentence about a group of colliding paths, whose subject is the first one."""
    forms = {unicodedata.normalize("NFC", path) for path in paths}
    how = "in the composition of their letters" if len(forms) == 1 else "in upper and lower case"
    others = ", ".join(repr(path.rpartition("/")[2]) for path in paths[1:])
    return (
        f"and {others} differ only {how}: they are one name on Windows and macOS, where one of"
        " them would be lost; rename one"
    )
