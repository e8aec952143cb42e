"""Writes a record as a Citation File Format 1.2 (https://citation-file-format.github.io)."""

from typing import Any

import yaml

from portal_gateway.citation.cited_record import CitedRecord, Part, orcid_url


def cff(cited: CitedRecord) -> str:
    """Returns the file CITATION.cff of a dataset or collection."""
    rights = cited.items("rightsList")
    spdx = str(rights[0].get("rightsIdentifier") or "") if rights else ""
    released = cited.date("Available") if cited.year else None
    made: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use these data, please cite them as below.",
        "type": "dataset",
        "title": cited.title,
        "authors": [_person(c) for c in cited.items("creators")],
        "abstract": cited.abstract,
        "version": cited.metadata.get("version"),
        "date-released": released if released and len(released) == len("2024-01-01") else None,
        "doi": cited.doi,
        "url": cited.address,
        "license": spdx.upper() if spdx else None,
        "license-url": rights[0].get("rightsUri") if rights and not spdx else None,
        "keywords": cited.keywords,
    }
    present = {name: value for name, value in made.items() if value not in (None, [])}
    return yaml.safe_dump(present, sort_keys=False, allow_unicode=True, width=100)


def _person(creator: Part) -> dict[str, str]:
    if not creator.get("familyName"):
        return {"name": str(creator["name"])}
    made = {"family-names": creator["familyName"], "given-names": creator["givenName"]}
    identifier = orcid_url(creator)
    return {**made, "orcid": identifier} if identifier else made
