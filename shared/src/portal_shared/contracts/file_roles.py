"""Recognises the role of a file in its dataset by its location, for files without a given role.

Names are those of OME-Zarr (https://ngff.openmicroscopy.org, levels 0, 1 … or s0, s1 …), N5, of
`sha256sum`, and of `portal curate`: folders `previews` and `thumbnails`.
"""

import re
from dataclasses import dataclass

from portal_shared.contracts.records import FileRole

PICTURES = (".webp", ".png", ".jpg", ".jpeg")
ARRAY_METADATA = frozenset(
    {"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata", "attributes.json"}
)
METADATA = re.compile(
    r"(metadata|datacite|ro-crate-metadata|readme|licen[cs]e)(\.(json|ya?ml|csv|tsv|xml|txt|md))?"
    r"|.*\.ome\.xml|metadata\.ome\.xml",
    re.IGNORECASE,
)
CHECKSUMS = re.compile(r"(sha256|sha512|md5)sums?(\.txt)?|.*\.(sha256|sha512|md5)", re.IGNORECASE)
CONTAINER = re.compile(r"\.(zarr|n5)$", re.IGNORECASE)
PICTURE_ROLES: tuple[FileRole, ...] = ("thumbnail", "preview")
LEVEL = re.compile(r"[sS]?(\d{1,2})", re.ASCII)


@dataclass(frozen=True)
class RecognisedRole:
    role: FileRole
    level: int | None = None  # of role `level`; 0 is the finest


def recognise(location: str) -> RecognisedRole:
    """Returns the role of the file at this location in its dataset."""
    *folders, name = location.split("/")
    inside = _inside_volume(folders)
    if inside is not None:
        if name in ARRAY_METADATA or METADATA.fullmatch(name):
            return RecognisedRole("metadata")
        level = LEVEL.fullmatch(inside[0]) if inside else None
        return RecognisedRole("level", int(level[1])) if level else RecognisedRole("data")
    if CHECKSUMS.fullmatch(name):
        return RecognisedRole("checksum")
    if name.lower().endswith(PICTURES):
        parent = folders[-1].lower() if folders else ""
        for role in PICTURE_ROLES:
            if parent in (role, f"{role}s") or role in name.lower():
                return RecognisedRole(role)
    return RecognisedRole("metadata" if METADATA.fullmatch(name) else "data")


def _inside_volume(folders: list[str]) -> list[str] | None:
    """Returns the folders below the innermost zarr or N5; None for a file outside of one."""
    for n in range(len(folders) - 1, -1, -1):
        if CONTAINER.search(folders[n]):
            return folders[n + 1 :]
    return None
