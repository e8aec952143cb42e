"""Which DOIs ICAT holds: those of datasets, and of publications."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence

from portal_ingest.icat.client import QuickClient, literal


def of_datasets(client: QuickClient, ids: Sequence[int]) -> dict[int, str | None]:
    """By ICAT's id; without those that are not there."""
    if not ids:
        return {}
    among = ", ".join(str(int(i)) for i in ids)
    found = client.search(f"SELECT o FROM Dataset o WHERE o.id IN ({among})")  # noqa: S608  # numbers
    return {int(one.id): one.doi for one in found}


def of_publications(client: QuickClient, dois: Sequence[str]) -> set[str]:
    """Those of these that a DataPublication has."""
    if not dois:
        return set()
    among = ", ".join(literal(doi) for doi in dois)
    found = client.search(f"SELECT o.pid FROM DataPublication o WHERE o.pid IN ({among})")  # noqa: S608  # quoted
    return {str(pid) for pid in found}
