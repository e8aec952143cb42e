"""The DataCite simulator in a process of its own, and what tests read from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from portal_doi.domain import suffix

from tests.drivers import plain_http
from tests.drivers.process import ServerProcess

USER, PASSWORD, PREFIX = "DEMO.PORTAL", "demo", "10.5072"
PREFIXES = [f"10.{number}" for number in range(50720, 50799)]  # one for each test
PUT, GET = "PUT /dois/{doi}", "GET /dois/{doi}"  # as the simulator counts calls


METADATA: Mapping[str, Any] = {
    "creators": [{"name": "Doe, Jane", "affiliation": [{"name": "A Synchrotron"}]}],
    "titles": [{"title": "A left kidney, overview"}],
    "publisher": {"name": "A Synchrotron"},
    "publicationYear": "2025",
    "types": {"resourceTypeGeneral": "Dataset"},
    "schemaVersion": "http://datacite.org/schema/kernel-4",
    "relatedIdentifiers": [
        {
            "relatedIdentifier": "10.5072/whole",
            "relatedIdentifierType": "DOI",
            "relationType": "IsPartOf",
        }
    ],
}  # complete, so that a DOI with them may be public


def payload(**attributes: Any) -> dict[str, Any]:
    """Return the body of a POST or PUT."""
    return {"data": {"type": "dois", "attributes": attributes}}


@dataclass(frozen=True)
class Publisher:
    client: httpx.Client

    def __call__(self, doi: str, **changes: Any) -> httpx.Response:
        """Publish a DOI with complete metadata; keywords replace attributes."""
        attributes = {**METADATA, "url": "https://example.org/it", "event": "publish", **changes}
        return self.client.put(f"/dois/{doi}", json=payload(**attributes))


def datacite_process(folder: Path, *options: str) -> ServerProcess:
    """A simulator whose state is in the folder; not yet started."""
    arguments = ("-m", "portal_local.datacite", "--data", str(folder), *options)
    return ServerProcess("datacite", *arguments, folder=folder)


class DataCiteServer:
    """A simulator that several tests share, one after the other, each under its own prefix."""

    def __init__(self, folder: Path, prefixes: Sequence[str] = PREFIXES) -> None:
        self.process = datacite_process(folder, "--prefix", *prefixes)
        self.url = self.process.url
        self.http = plain_http.client(self.url, auth=(USER, PASSWORD), timeout=30)
        self.prefix = ""
        self._prefixes = iter(prefixes)

    def reset(self) -> None:
        """Begin a new test: a new prefix without DOIs, no calls, no faults."""
        self.prefix = next(self._prefixes)
        self.http.delete("/_calls").raise_for_status()
        self.http.delete("/_faults").raise_for_status()

    def start(self) -> None:
        self.process.start()

    def stop(self) -> None:
        self.process.stop()

    def close(self) -> None:
        self.process.stop()
        self.http.close()

    def calls(self) -> dict[str, int]:
        """Return the number of calls by kind."""
        calls: dict[str, int] = self.http.get("/_calls").json()["calls"]
        return calls

    def fail(self, **fault: Any) -> None:
        """Make the next calls fail."""
        self.http.post("/_faults", json=fault).raise_for_status()

    def doi(self, doi: str) -> dict[str, Any]:
        """Return the attributes that DataCite has of a DOI."""
        answer = self.http.get(f"/dois/{doi}", params={"publisher": "true"})
        attributes: dict[str, Any] = answer.raise_for_status().json()["data"]["attributes"]
        return attributes

    def record(self, pid: str) -> dict[str, Any]:
        """Return the attributes of the DOI that was registered for a record."""
        return self.doi(self.doi_of(pid))

    def change(self, doi: str, **attributes: Any) -> None:
        """Create or change a DOI as somebody else would."""
        self.http.put(f"/dois/{doi}", json=payload(**attributes)).raise_for_status()

    def landing_page(self, doi: str) -> str:
        """Return where the DOI leads."""
        return self.http.get(f"/{doi}", follow_redirects=False).headers["location"]

    def doi_of(self, pid: str) -> str:
        """Return the DOI that will be registered for a record."""
        return f"{self.prefix}/{suffix.suffix(pid)}"

    def all(self) -> list[str]:
        """Return every DOI under the prefix of this test."""
        query = {"page[size]": 1000, "prefix": self.prefix}
        return sorted(row["id"] for row in self.http.get("/dois", params=query).json()["data"])
