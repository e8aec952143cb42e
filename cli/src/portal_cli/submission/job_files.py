"""Job files: checked for size and JSON only; the portal checks everything else."""

import json
from typing import Any, cast

from portal_shared.contracts.jobs import MAX_JOB_BYTES
from portal_shared.runtime.errors import Invalid

from portal_cli.submission.message import MAX_JOB_ID_LENGTH, JobMessage

TAKE_OVER_SUFFIX = "-take-over"  # of the job id: another content needs another id
MAX_KEY_BYTES = 255  # of an AMQP correlation id (short string)


def message_from_file(label: str, body: bytes, *, take_over: bool = False) -> JobMessage:
    """Returns a message with the bytes of the file as they are.

    With `take_over` it is another job, with another id, which may change datasets that other
    programs created in ICAT. Raises Invalid if the file is too large or not a JSON object.
    """
    if len(body) > MAX_JOB_BYTES:
        raise Invalid(
            f"the file has {len(body)} bytes, the limit of a job is {MAX_JOB_BYTES}", field=label
        )
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"not JSON: {error}", field=label) from error
    if not isinstance(found, dict):
        raise Invalid("a job must be a JSON object", field=label)
    job = cast("dict[str, Any]", found)
    job_id, datasets = job.get("job_id"), job.get("datasets")
    if take_over and job.get("take_over") is not True:
        if isinstance(job_id, str):
            job_id = job_id[: MAX_JOB_ID_LENGTH - len(TAKE_OVER_SUFFIX)] + TAKE_OVER_SUFFIX
        body = json.dumps({**job, "job_id": job_id, "take_over": True}).encode()
    return JobMessage(
        job_id if isinstance(job_id, str) and _fits_correlation_id(job_id) else "",
        body,
        label,
        len(cast("list[Any]", datasets)) if isinstance(datasets, list) else 0,
    )


def _fits_correlation_id(job_id: str) -> bool:
    return 0 < len(job_id.encode("utf-8", "replace")) <= MAX_KEY_BYTES
