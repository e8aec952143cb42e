"""The formats of a citation: name, media type, and how each is written."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portal_gateway.citation import bibtex_ris, datacite_xml, json_ld, styles
from portal_gateway.citation.cited_record import Cited


@dataclass(frozen=True)
class Format:
    name: str
    media_type: str
    write: Callable[[Cited], str]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def datacite_json(cited: Cited) -> dict[str, Any]:
    told: dict[str, Any] = {"url": cited.url, **cited.metadata}
    return {"id": f"https://doi.org/{cited.doi}", "doi": cited.doi, **told} if cited.doi else told


TEXT = "text/x-bibliography"
FORMATS = (
    Format(
        "datacite-json",
        "application/vnd.datacite.datacite+json",
        lambda c: _json(datacite_json(c)),
    ),
    Format("datacite-xml", "application/vnd.datacite.datacite+xml", datacite_xml.xml),
    Format("json-ld", "application/ld+json", lambda c: _json(json_ld.json_ld(c))),
    Format("json-ld", "application/vnd.schemaorg.ld+json", lambda c: _json(json_ld.json_ld(c))),
    Format(
        "csl-json", "application/vnd.citationstyles.csl+json", lambda c: _json(bibtex_ris.csl(c))
    ),
    Format("bibtex", "application/x-bibtex", bibtex_ris.bibtex),
    Format("ris", "application/x-research-info-systems", bibtex_ris.ris),
)
BY_NAME = {f.name: f for f in reversed(FORMATS)}
NAMES = (*dict.fromkeys(f.name for f in FORMATS), "text")


def text(cited: Cited, style: str, locale: str) -> str:
    """A formatted citation. Raises Invalid for a style or language that is not known."""
    return styles.formatted(bibtex_ris.csl(cited), style, locale) + "\n"
