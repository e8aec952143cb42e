"""Faults of files: set by POST /_faults, effective at the recall."""

import re
from dataclasses import replace
from typing import Literal, Self

from pydantic import model_validator

from portal_local.simulation import Fault, Faults
from portal_local.tape.library.request_store import STARTED, FileProgress


class FileFault(Fault):
    """A fault of the files with this path, in which each * matches any text.

    fail: the recall fails, with the reason if given. corrupt: one bit of the restored copy is
    flipped. lost, unavailable: reported by archiveinfo and every recall, until the faults are
    cleared, unless `times` limits the recalls. stuck: reported as started for ever. hidden: left
    out of the answers to polls.
    """

    effect: Literal["fail", "corrupt", "lost", "unavailable", "stuck", "hidden"]
    path: str = "*"
    reason: str | None = None

    @model_validator(mode="after")
    def _set_default_times(self) -> Self:
        if self.effect in (*REASONS, *POLL_EFFECTS) and "times" not in self.model_fields_set:
            self.times = None
        return self

    def matches(self, path: str) -> bool:
        return re.fullmatch(".*".join(map(re.escape, self.path.split("*"))), path) is not None


POLL_EFFECTS = ("stuck", "hidden")
REASONS = {
    "lost": "The file is lost: its tape cannot be read",
    "unavailable": "The file is temporarily unavailable",
}


def locality(faults: Faults, path: str) -> str | None:
    """Returns LOST or UNAVAILABLE if a fault sets it."""
    found = faults.peek(FileFault, lambda f: f.effect in REASONS and f.matches(path))
    return found.effect.upper() if found else None


def failure(faults: Faults, path: str) -> FileFault | None:
    """Returns the fault that ends this recall, and counts it."""
    ends = ("fail", *REASONS)
    return faults.take(FileFault, lambda f: f.effect in ends and f.matches(path))


def apply_to_progress(faults: Faults, file: FileProgress) -> FileProgress | None:
    """Returns the progress as reported to polls; None if it is left out."""
    found = faults.peek(FileFault, lambda f: f.effect in POLL_EFFECTS and f.matches(file.path))
    if found is None:
        return file
    return None if found.effect == "hidden" else replace(file, state=STARTED, finished=None)


def is_corrupted(faults: Faults, path: str) -> bool:
    """Returns whether this restored copy is to be corrupted, and counts it."""
    found = faults.take(FileFault, lambda f: f.effect == "corrupt" and f.matches(path))
    return found is not None
