"""What may go wrong with a file: asked for by POST /_faults, found at its recall."""

import re
from dataclasses import replace
from typing import Literal, Self

from pydantic import model_validator

from portal_local.simulation import Fault, Faults
from portal_local.tape.ledger import STARTED, FileProgress


class FileFault(Fault):
    """Of the files with this path, in which each * stands for any text.

    fail: the recall fails, with the reason if one is given. corrupt: one bit of the restored copy
    is flipped. lost, unavailable: told by archiveinfo and every recall, until the faults are
    cleared, unless `times` says how many recalls. stuck: it is told as started, for ever. hidden:
    it is left out of what those who poll are told.
    """

    effect: Literal["fail", "corrupt", "lost", "unavailable", "stuck", "hidden"]
    path: str = "*"
    reason: str | None = None

    @model_validator(mode="after")
    def _lasting(self) -> Self:
        if self.effect in (*REASONS, *TOLD) and "times" not in self.model_fields_set:
            self.times = None
        return self

    def meets(self, path: str) -> bool:
        return re.fullmatch(".*".join(map(re.escape, self.path.split("*"))), path) is not None


TOLD = ("stuck", "hidden")
REASONS = {
    "lost": "The file is lost: its tape cannot be read",
    "unavailable": "The file is temporarily unavailable",
}


def locality(faults: Faults, path: str) -> str | None:
    """LOST or UNAVAILABLE where a fault says so."""
    found = faults.peek(FileFault, lambda f: f.effect in REASONS and f.meets(path))
    return found.effect.upper() if found else None


def failure(faults: Faults, path: str) -> FileFault | None:
    """The fault that this recall ends with; it has happened once more."""
    ends = ("fail", *REASONS)
    return faults.take(FileFault, lambda f: f.effect in ends and f.meets(path))


def shown(faults: Faults, file: FileProgress) -> FileProgress | None:
    """As it is told; None when it is left out."""
    found = faults.peek(FileFault, lambda f: f.effect in TOLD and f.meets(file.path))
    if found is None:
        return file
    return None if found.effect == "hidden" else replace(file, state=STARTED, finished=None)


def corrupts(faults: Faults, path: str) -> bool:
    found = faults.take(FileFault, lambda f: f.effect == "corrupt" and f.meets(path))
    return found is not None
