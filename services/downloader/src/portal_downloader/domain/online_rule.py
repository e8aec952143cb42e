"""The rule of a profile that says which files of a dataset stay online."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from portal_shared.profile import OnlineRules

DATA, LEVEL = "data", "level"


@dataclass(frozen=True)
class OnlineFiles:
    """The roles and the resolution levels of one dataset that stay online."""

    roles: frozenset[str]
    levels: frozenset[int]

    def contain(self, file: Mapping[str, Any]) -> bool:
        """Returns whether a listed file stays online."""
        role = file.get("role") or DATA
        return role in self.roles or (role == LEVEL and file.get("level") in self.levels)


NO_ONLINE_FILES = OnlineFiles(frozenset(), frozenset())


class LevelSums:
    """Sums up the bytes of each level of a dataset, whose files may come in parts."""

    def __init__(self) -> None:
        self._bytes: Counter[int] = Counter()

    def add(self, files: Iterable[Mapping[str, Any]]) -> "LevelSums":
        for file in files:
            if file.get("role") == LEVEL and file.get("level") is not None:
                self._bytes[file["level"]] += file.get("size") or 0
        return self

    def online_files(self, rules: OnlineRules) -> OnlineFiles:
        """Returns which files stay online: by their role, and levels with few bytes."""
        small = {level for level, size in self._bytes.items() if size < rules.levels_below}
        return OnlineFiles(frozenset(rules.roles), frozenset(small))
