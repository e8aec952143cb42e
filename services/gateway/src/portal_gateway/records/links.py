"""Addresses around a record: exports, downloads with commands, related works."""

import shlex
from collections.abc import Sequence
from urllib.parse import quote

from portal_shared.contracts.file_urls import data_path
from portal_shared.contracts.identifiers import bare_doi, doi_url, is_doi
from portal_shared.contracts.records import Dataset, Document, RelatedItem

from portal_gateway.citation.formats import FORMATS
from portal_gateway.records.models import (
    Command,
    DownloadLinks,
    FilesSummary,
    FormatLink,
    OutsideLink,
)
from portal_gateway.records.signposting import Target
from portal_gateway.results.cards import dataset_page
from portal_gateway.results.models import Card

CITED_BY = frozenset(("IsCitedBy", "IsReferencedBy"))
PAPERS = frozenset(
    ("IsDocumentedBy", "IsDescribedBy", "IsSupplementTo", "Cites", "References", "IsPublishedIn")
)


# Run again, it continues and verifies; by default it would write each file a second time.
ARIA2 = "aria2c --continue=true --check-integrity=true --follow-metalink=mem"


def record_path(pid: str) -> str:
    return f"/api/records/{quote(pid, safe='')}"


def formats(pid: str, doi: str | None) -> list[FormatLink]:
    return [
        FormatLink(
            name=one.name,
            label=one.label,
            media_type=one.media_type,
            profile=one.profile,
            href=_format_path(pid, one.name),
        )
        for one in FORMATS
        if doi or not one.needs_doi
    ]


def _format_path(pid: str, name: str) -> str:
    path = record_path(pid)
    return f"{path}/jsonld" if name == "json-ld" else f"{path}/citation?format={name}"


def files(record: Dataset) -> FilesSummary:
    return FilesSummary(
        count=record.files.count,
        bytes=record.files.bytes,
        formats=list(record.files.formats),
        page=f"{dataset_page(record.name)}/files",
        pages_url=f"{record_path(record.pid)}/files",
        list_url=f"/api/Datasets/{quote(record.pid, safe='')}/files",
        data_url=data_path(record.pid) if record.folder else None,
    )


def items(record: Dataset | Document, datasets: Sequence[Card], site_url: str) -> list[Target]:
    """Returns what the record consists of: an archive of the files, or pages of datasets."""
    if isinstance(record, Document):
        return [Target(href=f"{site_url}{card.page}", type="text/html") for card in datasets]
    if not record.folder:
        return []
    base = f"{site_url}{data_path(record.pid)}"
    kinds = (("zip", "application/zip"), ("metalink", "application/metalink4+xml"))
    return [Target(href=f"{base}?format={name}", type=media_type) for name, media_type in kinds]


def downloads(record: Dataset | Document, site_url: str) -> DownloadLinks:
    """Returns the addresses of a dataset's files; none if it has no files to download."""
    if not isinstance(record, Dataset):
        return DownloadLinks()
    thumbnail = f"{data_path(record.pid)}thumbnail/small"
    if not record.folder:
        return DownloadLinks(thumbnail=thumbnail)
    base = data_path(record.pid)
    url = f"{site_url}{base}"
    return DownloadLinks(
        archive=f"{base}?format=zip",
        metalink=f"{base}?format=metalink",
        checksums=f"{base}?format=sha256sums",
        thumbnail=thumbnail,
        commands=[
            Command(tool="portal", text=f"portal get {shlex.quote(record.pid)}"),
            Command(tool="aria2", text=f"{ARIA2} {_quoted(url, 'metalink')}"),
            Command(tool="wget", text=f"wget -qO - {_quoted(url, 'wget')} | sh"),
            Command(tool="curl", text=f"curl -fsS {_quoted(url, 'curl')} | sh"),
        ],
    )


def _quoted(url: str, kind: str) -> str:
    return shlex.quote(f"{url}?format={kind}")


def outside_link(item: RelatedItem) -> OutsideLink:
    doi = is_doi(item.identifier)
    url = doi_url(bare_doi(item.identifier)) if doi else item.identifier
    return OutsideLink(
        relation=item.relation,
        identifier=bare_doi(item.identifier) if doi else item.identifier,
        url=url if url.startswith(("https://", "http://")) else None,
        title=item.title,
        type=item.type,
    )
