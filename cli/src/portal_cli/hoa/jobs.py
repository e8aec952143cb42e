"""Builds the jobs of the Atlas: one per donor and organ, one per proposal, one for the atlas."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from portal_shared import profile as profiles
from portal_shared.contracts.jobs import FileIn

from portal_cli.hoa import atlas_document, datasets, documents
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.source import PROFILE
from portal_cli.submission.message import JobMessage, build_message


def select_documents(
    atlas: Atlas, *, donors: Sequence[str] = (), limit: int | None = None
) -> list[str]:
    """Returns the names of the documents to import: all, or of some donors, up to `limit`."""
    found = [
        name
        for name, entries in atlas.documents.items()
        if not donors or entries[0].record.donor.id in donors
    ]
    return found[:limit]


def publication_jobs(
    atlas: Atlas, names: Iterable[str], *, release: str, files: Mapping[str, Sequence[FileIn]]
) -> Iterator[JobMessage]:
    """Yields a job for each document with its datasets. `files` are by name of the dataset."""
    profile = profiles.load(PROFILE)
    for name in names:
        entries = atlas.documents[name]
        yield build_message(
            f"hoa-{release}",
            name,
            profile=PROFILE,
            sender=_sender(release),
            document=documents.publication(name, entries, atlas, profile=profile, release=release),
            datasets=tuple(
                datasets.build_dataset(
                    entry,
                    atlas,
                    profile=profile,
                    release=release,
                    files=files.get(entry.record.name, ()),
                )
                for entry in entries
            ),
        )


def proposal_jobs(atlas: Atlas, *, release: str) -> Iterator[JobMessage]:
    """Yields a job for each proposal. Send them after the jobs of the datasets."""
    profile = profiles.load(PROFILE)
    numbers = {e.record.proposal.proposal_number for e in atlas.entries.values()}
    for number in sorted(numbers):
        yield build_message(
            f"hoa-{release}",
            f"proposal-{number}",
            profile=PROFILE,
            sender=_sender(release),
            document=documents.proposal(number, atlas, profile=profile, release=release),
        )


def atlas_job(atlas: Atlas, *, release: str) -> JobMessage:
    """Returns the job of the atlas itself. Send it after the jobs of the documents."""
    return build_message(
        f"hoa-{release}",
        atlas_document.PID,
        profile=PROFILE,
        sender=_sender(release),
        document=atlas_document.build_atlas_document(
            atlas, profile=profiles.load(PROFILE), release=release
        ),
    )


def _sender(release: str) -> str:
    return f"portal import hoa (hoa-tools {release})"
