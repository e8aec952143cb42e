"""The table of faults in the runbooks names tests that exist, or the reason why there is none."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "deploy" / "runbooks" / "faults.md"
TEST = re.compile(r"`((?:unit|integration|e2e)/[\w/]+\.py)`")
COLUMNS = 6


def test_every_fault_names_its_test_or_the_reason_why_there_is_none() -> None:
    lines = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    assert len(rows) > 9
    for row in rows:
        assert len(row) == COLUMNS
        assert all(row)
        listed = TEST.findall(row[-1])
        assert listed or row[-1].startswith("not tested"), row[0]
        assert [name for name in listed if not (ROOT / "tests" / name).is_file()] == []
