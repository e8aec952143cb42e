"""Builds the document of the whole atlas. Its parts are the documents of all organs."""

from collections.abc import Iterable

from portal_shared.contracts.jobs import DocumentIn, RelatedItemIn, RelationIn
from portal_shared.profile import Profile

from portal_cli.hoa import labels, people
from portal_cli.hoa.atlas import Atlas
from portal_cli.hoa.record import Record
from portal_cli.hoa.source import PACKAGE

PID = "human-organ-atlas"
METHOD_PAPER = "10.1038/s41592-021-01317-x"
ATLAS_PAPER = "10.1126/sciadv.adz2240"


def build_atlas_document(atlas: Atlas, *, profile: Profile, release: str) -> DocumentIn:
    records = [e.record for e in atlas.entries.values()]
    organs = sorted({labels.organ(r.sample.organ) for r in records})
    donors = len({r.donor.id for r in records})
    return DocumentIn(
        name=PID,
        pid=PID,
        title=profile.title,
        type="atlas",
        summary=(
            f"Intact human organs of {donors} donors ({labels.join_words(organs)}), imaged by "
            f"hierarchical phase-contrast tomography (HiP-CT) at the {profile.facility}: "
            f"{labels.count_noun(len(records), 'dataset')} in "
            f"{labels.count_noun(len(atlas.documents), 'collection')}, whole organs and zooms into "
            "them."
        ),
        license=profile.license,
        keywords=("HiP-CT", *organs),
        members=people.merge_members([people.members(r.citation.contributors) for r in records]),
        documents=tuple(atlas.documents),
        related=papers(),
        details={"source": {"package": PACKAGE, "version": release}, "datasets": len(records)},
    )


def papers() -> tuple[RelatedItemIn, ...]:
    """Returns the papers that describe the method and the atlas."""
    return tuple(
        RelatedItemIn(relation="IsDocumentedBy", identifier=doi, type="JournalArticle")
        for doi in (METHOD_PAPER, ATLAS_PAPER)
    )


def derivation(record: Record, atlas: Atlas) -> Iterable[RelationIn]:
    """Yields the relation of a registered zoom to its overview."""
    overview = atlas.overview_of(record)
    if overview is not None:
        yield RelationIn(type="IsDerivedFrom", pid=overview.name)
