"""Citation formats: name, media type and writer of each."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portal_gateway.citation import bibtex_ris, json_ld, styles
from portal_gateway.citation.cited_record import CitedRecord
from portal_gateway.errors import NotAcceptable


@dataclass(frozen=True)
class Format:
    name: str
    media_type: str
    write: Callable[[CitedRecord], str]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def datacite_json(cited: CitedRecord) -> dict[str, Any]:
    metadata: dict[str, Any] = {"url": cited.url, **cited.metadata}
    if not cited.doi:
        return metadata
    return {"id": cited.address, "doi": cited.doi, **metadata}


def datacite_xml(cited: CitedRecord) -> str:
    """Returns XML of DataCite schema 4.5. Raises NotAcceptable without a DOI: it is required."""
    if cited.doi is None:
        raise NotAcceptable(f"{cited.pid[:300]} has no DOI, which DataCite XML requires")
    # The package takes longer to import than the rest of the gateway, for one format of many.
    from datacite import schema45  # noqa: PLC0415

    metadata = {k: v for k, v in cited.metadata.items() if v not in (None, [])}
    return str(schema45.tostring({**metadata, "doi": cited.doi}))


TEXT = "text/x-bibliography"
FORMATS = (
    Format(
        "datacite-json",
        "application/vnd.datacite.datacite+json",
        lambda c: _json(datacite_json(c)),
    ),
    Format("datacite-xml", "application/vnd.datacite.datacite+xml", datacite_xml),
    Format("json-ld", "application/ld+json", lambda c: _json(json_ld.json_ld(c))),
    Format("json-ld", "application/vnd.schemaorg.ld+json", lambda c: _json(json_ld.json_ld(c))),
    Format(
        "csl-json",
        "application/vnd.citationstyles.csl+json",
        lambda c: _json(bibtex_ris.csl_json(c)),
    ),
    Format("bibtex", "application/x-bibtex", bibtex_ris.bibtex),
    Format("ris", "application/x-research-info-systems", bibtex_ris.ris),
)
BY_NAME = {f.name: f for f in reversed(FORMATS)}
NAMES = (*dict.fromkeys(f.name for f in FORMATS), "text")


def text(cited: CitedRecord, style: str, locale: str) -> str:
    """Returns a formatted citation. Raises Invalid for an unknown style or language."""
    return styles.format_citation(bibtex_ris.csl_json(cited), style, locale) + "\n"
