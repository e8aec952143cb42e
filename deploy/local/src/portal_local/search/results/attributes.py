"""Which members of a document a hit shows."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from portal_local.search.index.attribute_patterns import any_covers, leads_to
from portal_local.search.index.attributes import Rules
from portal_local.search.index.flattening import pruned
from portal_local.search.index.index import Pieces


class Selection:
    """Chooses members by the displayed attributes and those asked for."""

    def __init__(self, rules: Rules, wanted: Sequence[str]) -> None:
        everything = "*" in wanted
        self._all = everything and "*" in rules.displayed
        self._lists = [names for names in (rules.displayed, wanted) if "*" not in names]
        self._plans: dict[str, Callable[[str], str | None]] = {}

    def keeps(self, name: str) -> bool:
        return all(any_covers(names, name) for names in self._lists)

    def members(self, pieces: Pieces) -> list[str]:
        """The chosen members as `"name":value`, JSON text that is cut where members are nested."""
        found: list[str] = []
        for name, text in pieces.items():
            shown = text if self._all else self._shown(name, text)
            if shown is not None:
                found.append(f"{json.dumps(name, ensure_ascii=False)}:{shown}")
        return found

    def _shown(self, name: str, text: str) -> str | None:
        plan = self._plans.get(name)
        if plan is None:
            plan = self._plans[name] = self._plan(name)
        return plan(text)

    def _plan(self, name: str) -> Callable[[str], str | None]:
        if self.keeps(name):
            return lambda text: text
        possible = all(any_covers(names, name) or leads_to(names, name) for names in self._lists)
        if not possible:
            return lambda _text: None

        def cut(text: str) -> str | None:
            value: Any = json.loads(text)
            if not isinstance(value, dict | list):
                return None
            part = pruned(value, self.keeps, f"{name}.")
            return json.dumps(part, ensure_ascii=False, separators=(",", ":")) if part else None

        return cut

    def document(self, pieces: Pieces) -> dict[str, Any]:
        """The chosen members as values."""
        return json.loads("{" + ",".join(self.members(pieces)) + "}")
