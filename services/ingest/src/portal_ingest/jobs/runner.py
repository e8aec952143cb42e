"""Runs jobs: claims one, processes it part by part, and finishes it with its answer."""

import asyncio
import json
import time
from dataclasses import replace

from portal_shared import profile as profiles
from portal_shared.contracts.jobs import Envelope, JobAnswer, Outcome, Problem
from portal_shared.runtime.errors import PortalError, may_succeed_later
from portal_shared.runtime.lease import extended
from portal_shared.runtime.logs import logger
from portal_shared.runtime.telemetry.origin import resume
from portal_shared.validation.job_parser import parse_envelope
from portal_shared.validation.validator import ValidationResult, validate

from portal_ingest.metrics import JOB_SECONDS, JOBS
from portal_ingest.records.editor import RecordEditor
from portal_ingest.records.instruments import Instruments
from portal_ingest.records.registration import Registrar
from portal_ingest.records.task import Task
from portal_ingest.store.claims import Claim
from portal_ingest.store.jobs import JobStore
from portal_ingest.store.size_limits import limit_outcomes

log = logger(__name__)

MAX_ATTEMPTS = 3  # of a job that fails with an unexpected error
RETRY_SECONDS = 5.0
MAX_REASON_CHARACTERS = 1000


class JobRunner:
    def __init__(
        self,
        jobs: JobStore,
        instruments: Instruments,
        registrar: Registrar,
        editor: RecordEditor,
    ) -> None:
        self._jobs = jobs
        self._instruments = instruments
        self._registrar = registrar
        self._editor = editor

    async def step(self) -> bool:
        """Runs one job; False if none may run now."""
        claim = await self._jobs.claim()
        if claim is None:
            return False
        with resume(claim.origin, "run job"):
            await self._run_claimed(claim)
        return True

    async def _run_claimed(self, claim: Claim) -> None:
        """Runs a job to its end, or gives it back. Raises Unavailable if it has to wait."""
        started = time.monotonic()
        try:
            async with extended(self._jobs.lease, lambda: self._jobs.extend(claim)):
                answer = await self.run(claim)
        except PortalError as error:
            if may_succeed_later(error):
                reason = error.reason[:MAX_REASON_CHARACTERS]
                await self._jobs.release(claim, pause=RETRY_SECONDS, failed=False, reason=reason)
                log.warning("job waits", reason=reason, seconds=RETRY_SECONDS)
                raise
            problem = Problem(
                field=error.field or "job", reason=error.reason[:MAX_REASON_CHARACTERS]
            )
            answer = JobAnswer(job_id=claim.job_id, result="refused", problems=(problem,))
        except Exception as error:
            log.exception("job failed", attempt=claim.attempts + 1)
            if claim.attempts + 1 < MAX_ATTEMPTS:
                reason = repr(error)[:MAX_REASON_CHARACTERS]
                await self._jobs.release(claim, pause=RETRY_SECONDS, failed=True, reason=reason)
                return
            reason = (
                f"unexpected error in the portal, after {MAX_ATTEMPTS} attempts; tell its"
                f" operators the job_id: {error!r}"
            )
            problem = Problem(field="job", reason=reason[:MAX_REASON_CHARACTERS])
            answer = JobAnswer(job_id=claim.job_id, result="refused", problems=(problem,))
        await self._jobs.finish(claim, answer)
        JOBS.labels(answer.result).inc()
        JOB_SECONDS.observe(time.monotonic() - started)
        log.info("job finished", result=answer.result, outcomes=len(answer.outcomes))

    async def run(self, claim: Claim) -> JobAnswer:
        """Validates and processes every part. Raises Unavailable if the job is to run again."""
        job = parse_envelope(json.loads(claim.content))
        profile = profiles.load(claim.profile)
        checked = await asyncio.to_thread(validate, job, profile)  # seconds, of a large job
        if checked.problems:
            return self._answer(claim, [], checked.problems)
        task = Task(claim, profile, take_over=job.take_over)
        return self._answer(claim, await self._outcomes(job, checked, task), [])

    async def _outcomes(
        self, job: Envelope, checked: ValidationResult, task: Task
    ) -> list[Outcome]:
        if job.kind != "register":
            return [await self._editor.change(part, task) for part in checked.records]
        outcomes = [await self._instruments.register(p, task) for p in checked.instruments]
        document = checked.document.document if checked.document else None
        members: list[str] = []
        for number, part in enumerate(checked.datasets):
            in_document = replace(task, document=document)
            outcome = await self._registrar.dataset(part, f"datasets[{number}]", in_document)
            outcomes.append(outcome)
            if checked.document:
                members += await self._registrar.member_pids(part, outcome, task)
        if checked.document is not None:
            outcomes.insert(0, await self._registrar.document(checked.document, members, task))
        return outcomes

    @staticmethod
    def _answer(claim: Claim, outcomes: list[Outcome], problems: list[Problem]) -> JobAnswer:
        refused = [o for o in outcomes if o.result == "refused"]
        result = "done" if not refused else "partial" if len(refused) < len(outcomes) else "refused"
        return JobAnswer(
            job_id=claim.job_id,
            result="refused" if problems else result,
            outcomes=tuple(limit_outcomes(outcomes)),
            problems=tuple(problems),
            dropped=claim.dropped,
            dropped_fields=claim.dropped_fields,
        )
