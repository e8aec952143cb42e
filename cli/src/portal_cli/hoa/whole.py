"""The atlas as a whole: a document whose parts are the documents of all donors' organs. Pure."""

from collections.abc import Iterable

from portal_shared.contracts.jobs import DocumentIn, RelatedItemIn, RelationIn
from portal_shared.profile import Profile

from portal_cli.hoa import people, wording
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record
from portal_cli.hoa.source import PACKAGE

PID = "human-organ-atlas"
METHOD_PAPER = "10.1038/s41592-021-01317-x"
ATLAS_PAPER = "10.1126/sciadv.adz2240"


def document(atlas: Atlas, *, profile: Profile, release: str) -> DocumentIn:
    records = [e.record for e in atlas.entries.values()]
    organs = sorted({wording.organ(r.sample.organ) for r in records})
    donors = len({r.donor.id for r in records})
    return DocumentIn(
        name=PID,
        pid=PID,
        title=profile.title,
        type="atlas",
        summary=(
            f"Intact human organs of {donors} donors ({wording.enumerated(organs)}), imaged by "
            f"hierarchical phase-contrast tomography (HiP-CT) at the {profile.facility}: "
            f"{wording.counted(len(records), 'dataset')} in "
            f"{wording.counted(len(atlas.documents), 'collection')}, whole organs and zooms into "
            "them."
        ),
        license=profile.license,
        keywords=("HiP-CT", *organs),
        members=people.union([people.members(r.citation.contributors) for r in records]),
        documents=tuple(atlas.documents),
        related=papers(),
        details={"source": {"package": PACKAGE, "version": release}, "datasets": len(records)},
    )


def papers() -> tuple[RelatedItemIn, ...]:
    """Those that describe the method, and the atlas."""
    return tuple(
        RelatedItemIn(relation="IsDocumentedBy", identifier=doi, type="JournalArticle")
        for doi in (METHOD_PAPER, ATLAS_PAPER)
    )


def derivation(record: Record, atlas: Atlas) -> Iterable[RelationIn]:
    """A zoom is a part of its overview seen closer, where it is registered to it."""
    overview = atlas.overview_of(record)
    if overview is not None:
        yield RelationIn(type="IsDerivedFrom", pid=overview.name)
