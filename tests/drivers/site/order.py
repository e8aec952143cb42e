"""The order of test files: one worker imports the Atlas, others run what does not need it."""

from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
IMPORT_SECONDS = 1500  # the first test of each worker waits for the import


def import_beside_others(items: list[pytest.Item]) -> None:
    """Sorts tests: a file that imports the Atlas, journeys and quick tests without it, others.

    Tests that wait for the import have the time for it. Of the other files that use the Atlas,
    those with many tests come first, so that no worker is left alone with one at the end.
    """
    tests = Counter(item.path for item in items)
    journeys, *others = (TESTS / name for name in ("e2e", "unit", "contract"))
    importing: list[Path] = []  # files whose tests use the Atlas, in their order
    for item in items:
        if item.path.is_relative_to(journeys) and "atlas" in getattr(item, "fixturenames", ()):
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(IMPORT_SECONDS))
            if item.path not in importing:
                importing.append(item.path)

    def place(item: pytest.Item) -> tuple[int, int]:
        if item.path in importing:
            return (2, -tests[item.path]) if importing.index(item.path) else (0, 0)
        is_meanwhile = any(item.path.is_relative_to(folder) for folder in (journeys, *others))
        return (1, 0) if is_meanwhile else (3, 0)

    items.sort(key=place)
