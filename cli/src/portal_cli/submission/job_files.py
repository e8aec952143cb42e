"""Job files, checked for what can be known without the portal; the portal judges the rest. Pure."""

import json
from typing import Any, cast

from portal_shared.contracts.jobs import MAX_JOB_BYTES
from portal_shared.runtime.errors import Invalid

from portal_cli.submission.message import LONGEST_ID, Outgoing

TAKES_OVER = "-take-over"  # ends the id of such a job: another content needs another id


def outgoing(label: str, body: bytes, *, take_over: bool = False) -> Outgoing:
    """The file's bytes as they are, to be sent. Raises Invalid: too large, or no JSON object.

    To `take_over` what ICAT holds already from others, the job is another one, which says so.
    """
    if len(body) > MAX_JOB_BYTES:
        raise Invalid(f"{len(body)} bytes are more than the {MAX_JOB_BYTES} of a job", field=label)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not JSON: {error}", field=label) from error
    if not isinstance(found, dict):
        raise Invalid("a job is a JSON object", field=label)
    job = cast("dict[str, Any]", found)
    job_id, datasets = job.get("job_id"), job.get("datasets")
    if take_over and job.get("take_over") is not True:
        if isinstance(job_id, str):
            job_id = job_id[: LONGEST_ID - len(TAKES_OVER)] + TAKES_OVER
        body = json.dumps({**job, "job_id": job_id, "take_over": True}).encode()
    return Outgoing(
        job_id if isinstance(job_id, str) and _keyable(job_id) else "",
        body,
        label,
        len(cast("list[Any]", datasets)) if isinstance(datasets, list) else 0,
    )


def _keyable(job_id: str) -> bool:
    """Fits AMQP's correlation id, a short text."""
    return 0 < len(job_id.encode("utf-8", "replace")) <= 255  # noqa: PLR2004
