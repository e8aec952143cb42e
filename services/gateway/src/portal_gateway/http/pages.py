"""Plain, complete pages for people, until they are sent to a web site: no script, all escaped."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, cast
from urllib.parse import quote

HEADERS = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
}
HTML = "text/html; charset=utf-8"
_DEEPEST = 12


def page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title></head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n"
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def record_page(told: Mapping[str, Any], api: str) -> str:
    """Everything that is known of a record."""
    fields = {k: v for k, v in told.items() if k != "title"}
    doi = told.get("doi")
    cite = (
        f'<p>Cite as <a href="https://doi.org/{quote(doi)}">https://doi.org/{escape(doi)}</a></p>\n'
        if isinstance(doi, str)
        else ""
    )
    api_link = f'<p><a href="{escape(api)}">This record for programs</a></p>\n'
    return page(str(told["title"]), cite + api_link + _shown(fields, 0))


def tombstone_page(left: Mapping[str, Any]) -> str:
    """What stands where a withdrawn record was."""
    doi = left.get("doi")
    named = f"<p>https://doi.org/{escape(doi)}</p>\n" if isinstance(doi, str) else ""
    return page(
        str(left["title"]),
        f"<p>This record was withdrawn on {escape(str(left['withdrawn_at'])[:10])}.</p>\n"
        f"<p>{escape(str(left['reason']))}</p>\n{named}<p>{escape(str(left['pid']))}</p>",
    )


def choice_page(doi: str, records: Iterable[Mapping[str, str]]) -> str:
    items = "".join(
        f'<li><a href="{escape(landing_path(r["level"], r["pid"]))}">{escape(r["title"])}</a> '
        f"({escape(r['level'])} {escape(r['pid'])})</li>\n"
        for r in records
    )
    return page(f"Records of {doi}", f"<ul>\n{items}</ul>")


def staging_page(datasets: Iterable[Mapping[str, Any]]) -> str:
    """What is on its way from tape, by dataset."""
    rows = "".join(
        f'<tr><td><a href="{escape(d["data"])}">{escape(d["pid"])}</a></td>'
        f"<td>{escape(d['state'])}</td><td>{d['files_online']} of {d['files']}</td>"
        f"<td>{d['bytes_online']} of {d['bytes']}</td><td>{_lasting(d['seconds_left'])}</td>"
        f"<td>{escape(d['since'])}</td></tr>\n"
        for d in datasets
    )
    if not rows:
        return page("On their way from tape", "<p>Nothing is awaited.</p>")
    names = ("dataset", "state", "files", "bytes", "time left", "asked for since")
    head = "".join(f"<th>{name}</th>" for name in names)
    table = f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table>"
    return page("On their way from tape", table)


def _lasting(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"  # noqa: PLR2004


def links_page(title: str, addresses: Mapping[str, str]) -> str:
    items = "".join(
        f'<li><a href="{escape(address)}">{escape(name)}</a></li>\n'
        for name, address in addresses.items()
    )
    return page(title, f"<ul>\n{items}</ul>")


def landing_path(level: str, pid: str) -> str:
    return f"/{level}s/{quote(pid, safe='')}"


def api_path(level: str, pid: str) -> str:
    return f"/api/{level.capitalize()}s/{quote(pid, safe='')}"


def _shown(value: Any, depth: int) -> str:
    if depth > _DEEPEST:
        return escape(str(value)[:1000])
    if isinstance(value, dict):
        rows = cast("dict[str, Any]", value).items()
        shown = "".join(
            f"<dt>{escape(str(name))}</dt><dd>{_shown(inner, depth + 1)}</dd>\n"
            for name, inner in rows
            if inner not in (None, "", [], {})
        )
        return f"<dl>\n{shown}</dl>"
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return "<ul>\n" + "".join(f"<li>{_shown(i, depth + 1)}</li>\n" for i in items) + "</ul>"
    return escape(str(value))
