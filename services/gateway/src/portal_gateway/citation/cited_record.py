"""A record to cite: its DataCite metadata, and facts that only the portal has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from portal_shared.citation.datacite import known_year
from portal_shared.contracts.identifiers import doi_url
from portal_shared.contracts.records import Level

Part = Mapping[str, Any]


@dataclass(frozen=True)
class Measured:
    """A quantity that was measured, with its unit as written and its code of UN/CEFACT."""

    name: str
    value: float
    unit: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class CitedRecord:
    pid: str
    level: Level
    doi: str | None
    url: str  # landing page
    metadata: Part  # DataCite 4.5
    files: tuple[Part, ...] = ()
    data_url: str | None = None  # base of the files' addresses
    measured: tuple[Measured, ...] = ()
    catalog: tuple[str, str] | None = None  # name and address of the portal
    bytes: int | None = None  # of all files
    file_count: int = 0
    instrument: str | None = None
    on_tape: bool = False  # files have to be requested

    @property
    def address(self) -> str:
        """The DOI as a URL, else the landing page."""
        return doi_url(self.doi) if self.doi else self.url

    @property
    def year(self) -> str | None:
        """The year of publication; None if it is not known: an adopted DOI and no release date."""
        return known_year(self.metadata)

    @property
    def title(self) -> str:
        titles = self.items("titles")
        return str(titles[0]["title"]) if titles else self.pid

    def items(self, name: str) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self.metadata.get(name) or [])

    @property
    def abstract(self) -> str | None:
        found = [d for d in self.items("descriptions") if d["descriptionType"] == "Abstract"]
        return str(found[0]["description"]) if found else None

    @property
    def publisher(self) -> str:
        return str(self.metadata["publisher"]["name"])

    @property
    def keywords(self) -> list[str]:
        return list(dict.fromkeys(str(s["subject"]) for s in self.items("subjects")))

    def date(self, kind: str) -> str | None:
        """Returns the date of this type."""
        found = [d["date"] for d in self.items("dates") if d["dateType"] == kind]
        return str(found[0]) if found else None


def orcid_url(person: Part) -> str | None:
    """Returns the ORCID iD as a URL."""
    for identifier in person.get("nameIdentifiers", ()):
        if identifier["nameIdentifierScheme"] == "ORCID":
            return str(identifier["nameIdentifier"])
    return None
