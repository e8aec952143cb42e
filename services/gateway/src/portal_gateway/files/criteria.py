"""What a list of files selects: part of a location, role, folder. Errors name the parameter."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from portal_shared.contracts.records import FileRole

from portal_gateway.errors import BadRequest

DEFAULT_PER_PAGE = 50
MAX_PER_PAGE = 200
MAX_PAGE = 1_000_000
MAX_NAME_CHARACTERS = 200
MAX_FOLDER_CHARACTERS = 4000
ROLES: tuple[FileRole, ...] = get_args(FileRole)
PARAMETERS = ("name", "role", "folder", "page", "per_page")
_LEVEL = re.compile(r"level-(\d{1,2})", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class FileCriteria:
    """The files with a part in their location, of a role, below a folder; empty: all."""

    name: str = ""
    role: FileRole | None = None
    level: int | None = None  # of role `level`; None: all levels
    folder: str = ""  # without slashes at its ends
    page: int = 1
    per_page: int = DEFAULT_PER_PAGE

    @property
    def role_value(self) -> str | None:
        """The role as its parameter has it, see `role_value`."""
        return role_value(self.role, self.level) if self.role else None


def role_value(role: str, level: int | None) -> str:
    """Returns the value of the parameter `role`: a role, or `level-3` for one level."""
    return f"level-{level}" if role == "level" and level is not None else role


def parse(pairs: Sequence[tuple[str, str]]) -> FileCriteria:
    """Parses the pairs of a query string; blank values are no condition. Raises BadRequest."""
    given: dict[str, str] = {}
    for name, text in pairs:
        if name not in PARAMETERS:
            known = ", ".join(PARAMETERS)
            raise BadRequest(
                f"{name[:80]}: unknown parameter; known are {known}", field=name[:80] or "parameter"
            )
        given[name] = text.strip()
    role, level = _role(given.get("role", ""))
    return FileCriteria(
        name=_text(given.get("name", ""), "name", MAX_NAME_CHARACTERS),
        role=role,
        level=level,
        folder=_text(given.get("folder", ""), "folder", MAX_FOLDER_CHARACTERS).strip("/"),
        page=_count(given.get("page", ""), "page", 1, MAX_PAGE),
        per_page=_count(given.get("per_page", ""), "per_page", DEFAULT_PER_PAGE, MAX_PER_PAGE),
    )


def _role(text: str) -> tuple[FileRole | None, int | None]:
    if not text:
        return None, None
    if text in ROLES:
        return text, None
    found = _LEVEL.fullmatch(text)
    if found is None:
        raise BadRequest(
            f"role: {text[:80]!r} is not known; known are {', '.join(ROLES)},"
            " and level-0, level-1 … for one level",
            field="role",
        )
    return "level", int(found[1])


def _text(text: str, name: str, most: int) -> str:
    if len(text) > most:
        raise BadRequest(f"{name}: more than {most} characters", field=name)
    if _CONTROL.search(text):
        raise BadRequest(f"{name}: control characters are not allowed", field=name)
    return text


def _count(text: str, name: str, default: int, most: int) -> int:
    if not text:
        return default
    if text.isascii() and text.isdecimal() and 1 <= int(text[:12]) <= most:
        return int(text[:12])
    raise BadRequest(f"{name}: {text[:80]!r} is not valid; expected 1 to {most}", field=name)
