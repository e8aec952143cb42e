"""A job as a message: its id and its bytes, without private values. The id depends on the content.

The broker may keep the bytes of a message on its disk, so private values are removed before it is
sent, by the rules by which ingest removes them.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from portal_shared import profile as profiles
from portal_shared.contracts.jobs import JOB_VERSION, MAX_JOB_BYTES, Job
from portal_shared.runtime.errors import Invalid, NotFound
from portal_shared.runtime.hashes import content_hash
from portal_shared.runtime.settings import Settings
from portal_shared.validation.redaction import redact, shown_places

MAX_JOB_ID_LENGTH = 128


@dataclass(frozen=True)
class JobMessage:
    job_id: str
    body: bytes
    label: str  # name of the job for people: a document, a file
    datasets: int = 0
    dropped: tuple[str, ...] = ()  # names of private fields that were left out


def without_private(job: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Returns the job without private values, and the names of the fields that had them.

    The rules are those of its profile, or of the profile for jobs without one (PORTAL_PROFILE); an
    unknown profile is refused by the portal.
    """
    name, default = job.get("profile"), Settings().profile
    try:
        profile = profiles.load(name if isinstance(name, str) else default)
    except NotFound:
        profile = profiles.load(default)
    public, places = redact(job, profile)
    return public, shown_places(places)


def build_message(prefix: str, label: str, **parts: Any) -> JobMessage:
    """Builds a register job. The same content gets the same id, so sending it twice is harmless.

    Raises Invalid if the job is too large.
    """
    job = Job(version=JOB_VERSION, job_id="unnamed", kind="register", **parts)
    given = job.model_dump(mode="json", exclude_unset=True, exclude={"job_id"})
    content, dropped = without_private(given)
    digest = content_hash(content)[:12]
    job_id = f"{_slug(f'{prefix}-{label}')[: MAX_JOB_ID_LENGTH - 13]}-{digest}"
    body = as_json({"version": JOB_VERSION, "job_id": job_id, **content})
    if len(body) > MAX_JOB_BYTES:
        raise Invalid(f"the job has {len(body)} bytes, the limit is {MAX_JOB_BYTES}", field=label)
    return JobMessage(job_id, body, label, len(job.datasets), dropped)


def as_json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._:-]+", "-", text)
