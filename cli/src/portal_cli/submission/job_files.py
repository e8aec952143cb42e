"""Job files: parsed, without private values; the portal checks everything else."""

from typing import Any, cast

from portal_shared.runtime.errors import Invalid
from portal_shared.validation.job_parser import parse_job

from portal_cli.submission.message import (
    MAX_JOB_ID_LENGTH,
    JobMessage,
    as_json,
    without_private,
)

TAKE_OVER_SUFFIX = "-take-over"  # of the job id: another content needs another id
MAX_KEY_BYTES = 255  # of an AMQP correlation id (short string)


def message_from_file(label: str, body: bytes, *, take_over: bool = False) -> JobMessage:
    """Returns a message with the bytes of the file as they are, but for private values.

    With `take_over` it is another job, with another id, which may change datasets that other
    programs created in ICAT. Raises Invalid if the file is too large or not a JSON object that can
    be stored: what cannot be read cannot be searched for private values.
    """
    try:
        given = parse_job(body)
    except Invalid as error:
        place = f"{label}: {error.field}" if error.field else label
        raise Invalid(error.reason, field=place) from error
    job, dropped = without_private(given)
    job_id, datasets = job.get("job_id"), job.get("datasets")
    if take_over and job.get("take_over") is not True:
        if isinstance(job_id, str):
            job_id = job_id[: MAX_JOB_ID_LENGTH - len(TAKE_OVER_SUFFIX)] + TAKE_OVER_SUFFIX
        job = {**job, "job_id": job_id, "take_over": True}
    return JobMessage(
        job_id if isinstance(job_id, str) and _fits_correlation_id(job_id) else "",
        body if job == given else as_json(job),
        label,
        len(cast("list[Any]", datasets)) if isinstance(datasets, list) else 0,
        dropped,
    )


def _fits_correlation_id(job_id: str) -> bool:
    return 0 < len(job_id.encode("utf-8", "replace")) <= MAX_KEY_BYTES
