"""Writes datasets as an Atom feed (RFC 4287): when each was registered and last changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from portal_gateway.results.models import Card

MAX_ENTRIES = 200
NAMESPACE = "http://www.w3.org/2005/Atom"
BEGINNING = "1970-01-01T00:00:00Z"  # a feed without entries must have a time


@dataclass(frozen=True)
class Entry:
    """A dataset; times are ISO 8601 with a zone."""

    card: Card
    published: str
    updated: str
    summary: str | None


def atom(entries: Iterable[Entry], *, title: str, url: str, site_url: str) -> str:
    """Returns the feed, the dataset that changed last first; `url` is its own address."""
    sorted_entries = sorted(entries, key=lambda one: one.updated, reverse=True)
    updated = sorted_entries[0].updated if sorted_entries else BEGINNING
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<feed xmlns="{NAMESPACE}">',
        f"<title>{_text(title)}</title>",
        f"<id>{_text(url)}</id>",
        f"<updated>{updated}</updated>",
        f"<author><name>{_text(title)}</name></author>",
        f'<link rel="self" type="application/atom+xml" href={_attribute(url)}/>',
        f'<link rel="alternate" type="text/html" href={_attribute(site_url + "/")}/>',
        *(_entry(one, site_url) for one in sorted_entries),
        "</feed>\n",
    ]
    return "\n".join(parts)


def _entry(entry: Entry, site_url: str) -> str:
    page = site_url + entry.card.page
    summary = entry.summary or entry.card.title
    return (
        f"<entry><title>{_text(entry.card.title)}</title><id>{_text(page)}</id>"
        f"<published>{entry.published}</published><updated>{entry.updated}</updated>"
        f'<link rel="alternate" type="text/html" href={_attribute(page)}/>'
        f"<summary>{_text(summary)}</summary></entry>"
    )


def _allowed(text: str) -> str:
    """Returns the text without characters that XML 1.0 does not allow."""
    return "".join(c for c in text if c >= " " or c in "\t\n\r")


def _text(text: str) -> str:
    return escape(_allowed(text))


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text))
