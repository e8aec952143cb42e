"""The Atlas as ingest jobs: one per donor and organ, one per proposal, one for the whole. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from portal_shared import profile as profiles
from portal_shared.contracts.jobs import FileIn

from portal_cli.hoa import datasets, documents, whole
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.source import PROFILE
from portal_cli.submission.message import Outgoing, outgoing


def chosen(atlas: Atlas, *, donors: Sequence[str] = (), limit: int | None = None) -> list[str]:
    """Names of the documents to import: all, those of some donors, or the first few."""
    found = [
        name
        for name, entries in atlas.documents.items()
        if not donors or entries[0].record.donor.id in donors
    ]
    return found[:limit]


def publications(
    atlas: Atlas, names: Iterable[str], *, release: str, files: Mapping[str, Sequence[FileIn]]
) -> Iterator[Outgoing]:
    """A job for each document with its datasets; their files by the name of the dataset."""
    profile = profiles.load(PROFILE)
    for name in names:
        entries = atlas.documents[name]
        yield outgoing(
            f"hoa-{release}",
            name,
            profile=PROFILE,
            sender=_sender(release),
            document=documents.publication(name, entries, atlas, profile=profile, release=release),
            datasets=tuple(
                datasets.dataset(
                    entry,
                    atlas,
                    profile=profile,
                    release=release,
                    files=files.get(entry.record.name, ()),
                )
                for entry in entries
            ),
        )


def proposals(atlas: Atlas, *, release: str) -> Iterator[Outgoing]:
    """A job for each proposal; to be sent after the datasets it names."""
    profile = profiles.load(PROFILE)
    numbers = {e.record.proposal.proposal_number for e in atlas.entries.values()}
    for number in sorted(numbers):
        yield outgoing(
            f"hoa-{release}",
            f"proposal-{number}",
            profile=PROFILE,
            sender=_sender(release),
            document=documents.proposal(number, atlas, profile=profile, release=release),
        )


def the_atlas(atlas: Atlas, *, release: str) -> Outgoing:
    """The job of the atlas itself; to be sent after the documents it names."""
    return outgoing(
        f"hoa-{release}",
        whole.PID,
        profile=PROFILE,
        sender=_sender(release),
        document=whole.document(atlas, profile=profiles.load(PROFILE), release=release),
    )


def _sender(release: str) -> str:
    return f"portal import hoa (hoa-tools {release})"
