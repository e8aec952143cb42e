"""The Atlas of the installed hoa-tools, read once."""

import json
from typing import Any

import pytest
from portal_cli.hoa import jobs, source
from portal_cli.hoa.atlas import Atlas, build_atlas
from portal_cli.hoa.source import Source
from portal_cli.submission.message import JobMessage
from portal_shared.contracts.jobs import DatasetIn, Job


@pytest.fixture(scope="session")
def installed() -> Source:
    return source.read_installed()


@pytest.fixture(scope="session")
def whole(installed: Source) -> Atlas:
    return build_atlas(installed.entries)


@pytest.fixture(scope="session")
def sent(whole: Atlas, installed: Source) -> list[JobMessage]:
    """What an import sends, but for the files."""
    release = installed.version
    found = list(
        jobs.publication_jobs(whole, jobs.select_documents(whole), release=release, files={})
    )
    found += jobs.proposal_jobs(whole, release=release)
    return [*found, jobs.atlas_job(whole, release=release)]


@pytest.fixture(scope="session")
def registered(sent: list[JobMessage]) -> list[Job]:
    return [Job.model_validate_json(job.body) for job in sent]


@pytest.fixture(scope="session")
def datasets(registered: list[Job]) -> dict[str, DatasetIn]:
    return {d.name: d for job in registered for d in job.datasets}


@pytest.fixture
def raw(installed: Source) -> dict[str, Any]:
    """A metadata file to spoil."""
    found = json.dumps(installed.entries[0].content)
    return json.loads(found)
