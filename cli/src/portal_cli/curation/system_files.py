"""Files that operating systems and editors leave in folders of data; they are not archived."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from portal_shared.contracts.jobs import Problem

MAX_LISTED = 10
KINDS: dict[str, tuple[str, ...]] = {
    "a preview or setting of Windows": (
        "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin",
        "system volume information",
    ),
    "a setting of macOS": (
        ".ds_store", ".apdisk", ".localized", ".spotlight-v100", ".trashes", ".fseventsd",
        ".temporaryitems", ".documentrevisions-v100", ".appledouble", "__macosx",
    ),
    "a resource file of macOS": ("._*",),
    "a lock of an open office document": ("~$*", ".~lock.*#"),
    "a temporary file of an editor": (".*.sw[a-p]", ".#*"),
    "a setting of a desktop or file server": (
        ".directory", ".trash-*", "lost+found", "@eadir", ".nfs*", ".fuse_hidden*", ".snapshot",
    ),
    "an unfinished result of `portal curate`": (".portal-*.part",),
    "a cache of Python or Jupyter": ("__pycache__", ".ipynb_checkpoints"),
}  # fmt: skip


def system_file_kind(name: str) -> str | None:
    """Returns what a file or folder with this name is, if an archive has no use for it."""
    lowered = name.lower()
    return next(
        (
            kind
            for kind, patterns in KINDS.items()
            if any(fnmatchcase(lowered, pattern) for pattern in patterns)
        ),
        None,
    )


def left_out_warnings(locations: Iterable[str]) -> list[Problem]:
    """Returns one warning for each kind, with its first locations and the number of others."""
    by_kind: dict[str, list[str]] = {}
    for location in locations:
        kind = system_file_kind(location.rstrip("/").rpartition("/")[2])
        by_kind.setdefault(kind or "", []).append(location)
    return [
        Problem(field=found[0], reason=f"is {kind} and is left out{_others(found)}")
        for kind, found in by_kind.items()
    ]


def _others(found: list[str]) -> str:
    if len(found) == 1:
        return ""
    more = len(found) - MAX_LISTED
    return f"; so are {', '.join(found[1:MAX_LISTED])}{f' and {more} more' if more > 0 else ''}"
