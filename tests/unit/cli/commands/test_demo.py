"""What `portal demo` prints while the Atlas is imported."""

from portal_cli.commands.demo import stages
from portal_cli.instance.status import InstanceStatus


def test_a_stage_never_has_more_than_its_total() -> None:
    """doi and indexer answer after ingest: they may know records that its answer lacks."""
    found = InstanceStatus(
        services={
            "ingest": {"jobs_finished": 2, "jobs_working": 1, "datasets": 36, "documents": 6},
            "doi": {"identifiers": {"minted": 43, "adopted": 40}},
            "indexer": {"datasets": 50, "documents": 10, "pending": 4},
        },
        queues={"ingest.jobs": 5},
    )
    assert stages(found) == {
        "jobs answered": (2, 8),
        "registered": (42, 83),
        "DOIs": (83, 83),
        "indexed": (56, 83),
    }
