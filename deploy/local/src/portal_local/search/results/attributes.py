"""Selects the members of a document that a hit contains."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from portal_local.search.index.attribute_patterns import any_covers, may_cover_nested
from portal_local.search.index.attributes import IndexRules
from portal_local.search.index.flat_fields import prune
from portal_local.search.index.index import JsonMembers

_Plan = tuple[str, Callable[[str], str | None] | None]
"""A member's name as JSON text, empty if it is left out; and what selects parts of its value."""


class MemberSelection:
    """Selects members by the displayed and the requested attributes."""

    def __init__(self, rules: IndexRules, wanted: Sequence[str]) -> None:
        everything = "*" in wanted
        wanted = [name for name in wanted if name == "*" or rules.is_displayed(name)]
        self._all = everything and "*" in rules.displayed
        self._lists = [names for names in (rules.displayed, wanted) if "*" not in names]
        self._plans: dict[str, _Plan] = {}

    def includes(self, name: str) -> bool:
        return all(any_covers(names, name) for names in self._lists)

    def members(self, pieces: JsonMembers) -> list[str]:
        """Returns the selected members as JSON text `"name":value`; nested members are cut."""
        found: list[str] = []
        for name, text in pieces.items():
            plan = self._plans.get(name)
            if plan is None:
                plan = self._plans[name] = self._plan(name)
            label, cut = plan
            if not label:
                continue
            shown = text if cut is None else cut(text)
            if shown is not None:
                found.append(f"{label}{shown}")
        return found

    def _plan(self, name: str) -> _Plan:
        label = f"{json.dumps(name, ensure_ascii=False)}:"
        if self._all or self.includes(name):
            return label, None
        possible = all(
            any_covers(names, name) or may_cover_nested(names, name) for names in self._lists
        )
        if not possible:
            return "", None

        def cut(text: str) -> str | None:
            value: Any = json.loads(text)
            if not isinstance(value, dict | list):
                return None
            part = prune(value, self.includes, f"{name}.")
            return json.dumps(part, ensure_ascii=False, separators=(",", ":")) if part else None

        return label, cut

    def document(self, pieces: JsonMembers) -> dict[str, Any]:
        """Returns the selected members as values."""
        return json.loads("{" + ",".join(self.members(pieces)) + "}")
