"""Taking a job, doing it part by part, finishing it with its answer."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import replace

from portal_shared import profile as profiles
from portal_shared.contracts.jobs import Envelope, JobAnswer, Outcome, Problem
from portal_shared.runtime.errors import PortalError, Unavailable
from portal_shared.runtime.logs import follow, logger
from portal_shared.validation.job_parser import envelope
from portal_shared.validation.validator import Judged, judge

from portal_ingest.records.changes import Changing
from portal_ingest.records.registration import Registering
from portal_ingest.records.task import Task
from portal_ingest.store.jobs import Claim, JobLog
from portal_ingest.store.size_limits import told_within

log = logger(__name__)

MOST_ATTEMPTS = 3  # of a job that fails for a reason nobody foresaw
PAUSE = 5.0


class Working:
    def __init__(self, jobs: JobLog, registering: Registering, changing: Changing) -> None:
        self._jobs = jobs
        self._registering = registering
        self._changing = changing

    async def step(self) -> bool:
        """Claim a job and do it; False when there is none."""
        claim = await self._jobs.claim()
        if claim is None:
            return False
        follow(claim.correlation_id, job_id=claim.job_id)
        try:
            async with self._held(claim):
                answer = await self.done(claim)
        except PortalError:
            await self._jobs.put_back(claim, pause=PAUSE, failed=False)
            raise
        except Exception as error:
            log.exception("job failed", attempt=claim.attempts + 1)
            if claim.attempts + 1 < MOST_ATTEMPTS:
                await self._jobs.put_back(claim, pause=PAUSE, failed=True)
                return True
            problem = Problem(field="job", reason=f"the portal failed on it: {error!r}"[:1000])
            answer = JobAnswer(job_id=claim.job_id, result="refused", problems=(problem,))
        await self._jobs.finish(claim, answer)
        log.info("job finished", result=answer.result, outcomes=len(answer.outcomes))
        return True

    @contextlib.asynccontextmanager
    async def _held(self, claim: Claim) -> AsyncGenerator[None]:
        """Keep the claim alive as long as the work goes on."""

        async def extend() -> None:
            while True:
                await asyncio.sleep(self._jobs.lease.total_seconds() / 3)
                with contextlib.suppress(Unavailable):
                    await self._jobs.extend(claim)

        holding = asyncio.create_task(extend())
        try:
            yield
        finally:
            holding.cancel()

    async def done(self, claim: Claim) -> JobAnswer:
        """What became of every part. Raises Unavailable to be done again."""
        job = envelope(json.loads(claim.content))
        profile = profiles.load(claim.profile)
        judged = judge(job, profile)
        if judged.problems:
            return self._answer(claim, [], judged.problems)
        task = Task(claim, profile, take_over=job.take_over)
        return self._answer(claim, await self._outcomes(job, judged, task), [])

    async def _outcomes(self, job: Envelope, judged: Judged, task: Task) -> list[Outcome]:
        if job.kind != "register":
            return [await self._changing.record(part, task) for part in judged.records]
        outcomes = [await self._registering.instrument(p, task) for p in judged.instruments]
        within = judged.document.document if judged.document else None
        members: list[str] = []
        for number, part in enumerate(judged.datasets):
            inside = replace(task, document=within)
            done = await self._registering.dataset(part, f"datasets[{number}]", inside)
            outcomes.append(done)
            if judged.document and (member := await self._registering.member(part, done)):
                members.append(member)
        if judged.document is not None:
            outcomes.insert(0, await self._registering.document(judged.document, members, task))
        return outcomes

    @staticmethod
    def _answer(claim: Claim, outcomes: list[Outcome], problems: list[Problem]) -> JobAnswer:
        refused = [o for o in outcomes if o.result == "refused"]
        result = "done" if not refused else "partial" if len(refused) < len(outcomes) else "refused"
        outcomes = told_within(outcomes)
        return JobAnswer(
            job_id=claim.job_id,
            result="refused" if problems else result,
            outcomes=tuple(outcomes),
            problems=tuple(problems),
            dropped=claim.dropped,
        )
