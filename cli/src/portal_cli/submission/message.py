"""A job on its way: its id and its bytes. The id is bound to the content. Pure."""

import json
import re
from dataclasses import dataclass
from typing import Any

from portal_shared.contracts.jobs import JOB_VERSION, MAX_JOB_BYTES, Job
from portal_shared.runtime.errors import Invalid
from portal_shared.runtime.hashing import content_hash

LONGEST_ID = 128


@dataclass(frozen=True)
class Outgoing:
    job_id: str
    body: bytes
    label: str  # what it is about, for a reader
    datasets: int = 0


def outgoing(prefix: str, label: str, **parts: Any) -> Outgoing:
    """The same content has the same id: sent again, it is known. Raises Invalid if too large."""
    job = Job(version=JOB_VERSION, job_id="unnamed", kind="register", **parts)
    content = job.model_dump(mode="json", exclude_unset=True, exclude={"job_id"})
    digest = content_hash(content)[:12]
    job_id = f"{_slug(f'{prefix}-{label}')[: LONGEST_ID - 13]}-{digest}"
    body = _json({"version": JOB_VERSION, "job_id": job_id, **content})
    if len(body) > MAX_JOB_BYTES:
        raise Invalid(f"its job of {len(body)} bytes exceeds {MAX_JOB_BYTES}", field=label)
    return Outgoing(job_id, body, label, len(job.datasets))


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._:-]+", "-", text)
