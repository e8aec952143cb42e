"""What is cited: a record's metadata, with what only the portal knows of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from portal_shared.contracts.records import Level

Part = Mapping[str, Any]


@dataclass(frozen=True)
class Cited:
    pid: str
    level: Level
    doi: str | None
    url: str  # of its landing page
    metadata: Part  # DataCite 4.5
    year: str | None  # None where only the year of its DOI would do, and that is not ours
    files: tuple[Part, ...] = ()
    data_url: str | None = None  # below it are the files

    @property
    def address(self) -> str:
        """By which it is cited: of the DOI, else of its page."""
        return f"https://doi.org/{self.doi}" if self.doi else self.url

    @property
    def title(self) -> str:
        titles = self.parts("titles")
        return str(titles[0]["title"]) if titles else self.pid

    def parts(self, name: str) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self.metadata.get(name) or [])

    @property
    def abstract(self) -> str | None:
        found = [d for d in self.parts("descriptions") if d["descriptionType"] == "Abstract"]
        return str(found[0]["description"]) if found else None

    @property
    def publisher(self) -> str:
        return str(self.metadata["publisher"]["name"])

    @property
    def keywords(self) -> list[str]:
        return list(dict.fromkeys(str(s["subject"]) for s in self.parts("subjects")))

    def day(self, kind: str) -> str | None:
        """Of one of its dates."""
        found = [d["date"] for d in self.parts("dates") if d["dateType"] == kind]
        return str(found[0]) if found else None


def orcid(person: Part) -> str | None:
    """As an address."""
    for identifier in person.get("nameIdentifiers", ()):
        if identifier["nameIdentifierScheme"] == "ORCID":
            return str(identifier["nameIdentifier"])
    return None
