"""python -m portal_shared.citation.table: writes docs/datacite.md's table from the mapping."""

import sys
from pathlib import Path

from portal_shared.citation.mapping import FIELDS
from portal_shared.citation.people import CONTRIBUTOR_TYPES

BEGIN, END = "<!-- made by `make contracts` -->", "<!-- end -->"
PAGE = Path("docs/datacite.md")


def table() -> str:
    """Every property with its source, and what CRediT's roles become."""
    rows = ["| DataCite | from |", "|---|---|"]
    rows += [f"| `{field.name}` | {field.source} |" for field in FIELDS]
    roles = [f"| {role} | {kind} |" for role, kind in sorted(CONTRIBUTOR_TYPES.items())]
    head = ["", "| CRediT | contributorType |", "|---|---|"]
    return "\n".join([*rows, *head, *roles, "| any other | Other |"])


def renewed(page: str) -> str:
    """The page with the table between its marks as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main() -> None:
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    page.write_text(renewed(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
