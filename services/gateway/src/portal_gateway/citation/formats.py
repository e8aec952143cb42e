"""Citation formats: name, media type and writer of each."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from portal_gateway.citation import bibtex_ris, json_ld, styles
from portal_gateway.citation.cff import cff
from portal_gateway.citation.cited_record import CitedRecord
from portal_gateway.citation.croissant import croissant
from portal_gateway.citation.ro_crate import ro_crate
from portal_gateway.citation.turtle import turtle
from portal_gateway.errors import NotAcceptable


@dataclass(frozen=True)
class Format:
    name: str
    label: str
    media_type: str
    write: Callable[[CitedRecord], str]
    profile: str | None = None  # what the media type does not say
    needs_doi: bool = False
    has_links: bool = False  # to related records and files

    @property
    def content_type(self) -> str:
        """Returns the media type with its profile."""
        return f'{self.media_type};profile="{self.profile}"' if self.profile else self.media_type


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
_SCHEMA_ORG = "application/vnd.schemaorg.ld+json"  # as DataCite calls it
FORMATS = (
    Format(
        "json-ld",
        "schema.org (JSON-LD)",
        "application/ld+json",
        lambda c: _json(json_ld.json_ld(c)),
        has_links=True,
    ),
    Format(
        "datacite-json",
        "DataCite (JSON)",
        "application/vnd.datacite.datacite+json",
        lambda c: _json(datacite_json(c)),
        has_links=True,
    ),
    Format(
        "datacite-xml",
        "DataCite (XML)",
        "application/vnd.datacite.datacite+xml",
        datacite_xml,
        needs_doi=True,
        has_links=True,
    ),
    Format(
        "csl-json",
        "CSL JSON",
        "application/vnd.citationstyles.csl+json",
        lambda c: _json(bibtex_ris.csl_json(c)),
    ),
    Format("bibtex", "BibTeX", "application/x-bibtex", bibtex_ris.bibtex),
    Format("ris", "RIS", "application/x-research-info-systems", bibtex_ris.ris),
    Format(
        "turtle",
        "RDF (Turtle)",
        "text/turtle",
        lambda c: turtle(json_ld.json_ld(c)),
        has_links=True,
    ),
    Format("cff", "CITATION.cff", "application/yaml", cff),
    Format(
        "ro-crate",
        "RO-Crate",
        "application/ld+json",
        lambda c: _json(ro_crate(c)),
        profile="https://w3id.org/ro/crate",
        has_links=True,
    ),
    Format(
        "croissant",
        "Croissant",
        "application/ld+json",
        lambda c: _json(croissant(c, text(c, styles.DEFAULT, "en-US").strip())),
        profile="http://mlcommons.org/croissant/1.0",
        has_links=True,
    ),
)
BY_NAME = {f.name: f for f in FORMATS}
NAMES = (*BY_NAME, "text")
# By what a reader accepts; formats with a profile have addresses only.
BY_MEDIA_TYPE = {f.media_type: f for f in FORMATS if not f.profile} | {
    _SCHEMA_ORG: replace(BY_NAME["json-ld"], media_type=_SCHEMA_ORG)
}


def text(cited: CitedRecord, style: str, locale: str) -> str:
    """Returns a formatted citation. Raises Invalid for an unknown style or language."""
    return styles.format_citation(bibtex_ris.csl_json(cited), style, locale) + "\n"
