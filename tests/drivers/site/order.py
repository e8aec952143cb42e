"""The order of test files: one worker imports the Atlas, others run what does not need it."""

from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
SHARED_CORPUS = TESTS / "integration" / "gateway" / "site"  # its files run one after the other
PART_WITH_BROWSER = 0.7  # of the run; the files at its end are short
IMPORT_SECONDS = 1500  # the first test of each worker waits for the import


def import_beside_others(items: list[pytest.Item]) -> None:
    """Sorts tests: a file that imports the Atlas, journeys and quick tests without it, others.

    Tests that wait for the import have the time for it. Of the others, those that use the Atlas
    keep the processors busy with browsers; those of the services often wait, for retries and
    for what was killed. They alternate, so that one uses the time of the other. Browser files with
    many tests come first, and files of services with few tests, which take long: no worker is
    left alone with one at the end.
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

    def is_meanwhile(path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in (journeys, *others))

    with_browser = sorted(importing[1:], key=lambda path: -tests[path])
    services = [p for p in tests if p not in importing and not is_meanwhile(p)]
    shared = [path for path in services if path.parent == SHARED_CORPUS]

    def size(path: Path) -> float:
        return sum(tests[one] for one in shared) / len(shared) if path in shared else tests[path]

    services.sort(key=lambda path: (size(path), path.parent))
    places = {
        **{path: PART_WITH_BROWSER * n / len(with_browser) for n, path in enumerate(with_browser)},
        **{path: n / len(services) for n, path in enumerate(services)},
    }

    def place(item: pytest.Item) -> tuple[int, float]:
        if item.path in places:
            return (2, places[item.path])
        return (1, 0) if item.path not in importing else (0, 0)

    items.sort(key=place)
