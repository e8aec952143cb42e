"""The text of `portal doi audit` about what ICAT has otherwise."""

from typing import Any

import httpx
import pytest
from portal_cli.instance.doi_audit import audit_dois

EMPTY = {"differences": [], "compared": 0, "next": None}
DOI = "10.5072/a"
REFUSAL = "ICAT refused the request: title cannot have length > 255"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"icat": None}, "ICAT has no DOI"),
        ({"icat": None, "icat_problem": REFUSAL}, f"ICAT has no DOI; {REFUSAL}"),
        (
            {"files": [3, 21], "icat_files": [0, 0]},
            "ICAT counts 0 files of 0 bytes, the portal 3 files of 21 bytes",
        ),
        ({"missing_parts": ["10.5072/b"]}, "its publication in ICAT lacks HasPart 10.5072/b"),
        ({"missing_datasets": ["b", "c"]}, "its DataCollection in ICAT lacks datasets: b, c"),
        ({"icat_problem": REFUSAL}, REFUSAL),
    ],
)
def test_the_audit_states_what_differs_in_icat(fields: dict[str, Any], reason: str | None) -> None:
    record = {"pid": "a", "doi": DOI, "icat": DOI, **fields}

    def ingest(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"records": [record], "next": None})

    def doi(request: httpx.Request) -> httpx.Response:
        listed = request.url.path.startswith("/audit/")
        return httpx.Response(200, json=EMPTY if listed else {"a": DOI})

    with (
        httpx.Client(base_url="http://doi", transport=httpx.MockTransport(doi)) as registry,
        httpx.Client(base_url="http://ingest", transport=httpx.MockTransport(ingest)) as other,
    ):
        found = audit_dois(registry, other, repair=False)
    assert [d["reason"] for d in found.differences] == ([reason] if reason else [])
