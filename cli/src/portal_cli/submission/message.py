"""A job as a message: its id and its bytes. The id depends on the content."""

import json
import re
from dataclasses import dataclass
from typing import Any

from portal_shared.contracts.jobs import JOB_VERSION, MAX_JOB_BYTES, Job
from portal_shared.runtime.errors import Invalid
from portal_shared.runtime.hashes import content_hash

MAX_JOB_ID_LENGTH = 128


@dataclass(frozen=True)
class JobMessage:
    job_id: str
    body: bytes
    label: str  # name of the job for people: a document, a file
    datasets: int = 0


def build_message(prefix: str, label: str, **parts: Any) -> JobMessage:
    """Builds a register job. The same content gets the same id, so sending it twice is harmless.

    Raises Invalid if the job is too large.
    """
    job = Job(version=JOB_VERSION, job_id="unnamed", kind="register", **parts)
    content = job.model_dump(mode="json", exclude_unset=True, exclude={"job_id"})
    digest = content_hash(content)[:12]
    job_id = f"{_slug(f'{prefix}-{label}')[: MAX_JOB_ID_LENGTH - 13]}-{digest}"
    body = _json({"version": JOB_VERSION, "job_id": job_id, **content})
    if len(body) > MAX_JOB_BYTES:
        raise Invalid(f"the job has {len(body)} bytes, the limit is {MAX_JOB_BYTES}", field=label)
    return JobMessage(job_id, body, label, len(job.datasets))


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._:-]+", "-", text)
