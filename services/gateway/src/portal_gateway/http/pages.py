"""HTML pages of records, tombstones and downloads. All values are escaped.

Only the manual of the API has scripts, of this origin.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from portal_shared.contracts.identifiers import doi_url

CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'"
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
}
HTML = "text/html; charset=utf-8"
MAX_DEPTH = 12  # of nested values of a record
MINUTES_BELOW_SECONDS = 5400  # longer durations are shown in hours


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    if seconds < MINUTES_BELOW_SECONDS:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


_templates = Environment(
    loader=PackageLoader("portal_gateway.http"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["duration"] = _duration


def _render(template: str, title: str, **values: Any) -> str:
    return _templates.get_template(template).render(title=title, **values)


def record_page(record: Mapping[str, Any], api_url: str) -> str:
    """Shows all fields of a record."""
    doi = record.get("doi")
    return _render(
        "record.html",
        str(record["title"]),
        fields={name: value for name, value in record.items() if name != "title"},
        doi=doi,
        doi_url=doi_url(doi) if isinstance(doi, str) else None,
        api_url=api_url,
        max_depth=MAX_DEPTH,
    )


def tombstone_page(tombstone: Mapping[str, Any]) -> str:
    """Shows when and why a record was withdrawn."""
    return _render(
        "tombstone.html",
        str(tombstone["title"]),
        day=str(tombstone["withdrawn_at"])[:10],
        reason=tombstone["reason"],
        doi_url=doi_url(tombstone["doi"]) if tombstone.get("doi") else None,
        pid=tombstone["pid"],
    )


def choice_page(doi: str, records: Iterable[Mapping[str, str]]) -> str:
    """Lists the records that share a DOI."""
    listed = [{**r, "path": landing_path(r["level"], r["pid"])} for r in records]
    return _render("choice.html", f"Records of {doi}", records=listed)


def staging_page(datasets: Iterable[Mapping[str, Any]]) -> str:
    """Lists the datasets whose files are being recalled from tape."""
    return _render("staging.html", "Recalls from tape", datasets=list(datasets))


def links_page(title: str, addresses: Mapping[str, str]) -> str:
    return _render("links.html", title, addresses=addresses)


def manual_page(path: str) -> str:
    """Returns the page of the API's manual; its scripts and styles are below `path`."""
    return _render("manual.html", "Manual of the API", path=path)


def landing_path(level: str, pid: str) -> str:
    return f"/{level}s/{quote(pid, safe='')}"


def api_path(level: str, pid: str) -> str:
    return f"/api/{level.capitalize()}s/{quote(pid, safe='')}"
