"""Doing a job: judge its parts, enter them in ICAT, keep the records, say what happened.

Every step can be cut off and done again: what ICAT has is looked up by its natural key, records are
kept conditional on their version, and a job is finished only by who still holds its claim.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator

from portal_shared import profile as profiles
from portal_shared.errors import Conflict, Invalid, PortalError, Unavailable
from portal_shared.events import DatasetRegistered, DocumentRegistered, InstrumentRegistered
from portal_shared.jobs import JobAnswer, Outcome, Problem
from portal_shared.model import Dataset, Instrument
from portal_shared.observe import follow, logger
from portal_shared.profile import Profile
from pydantic import BaseModel

from portal_ingest.icat import Icat
from portal_ingest.icat_entry import dataset_entry
from portal_ingest.intake import Intake
from portal_ingest.joblog import LEASE, Claim, JobLog
from portal_ingest.judging import DatasetPart, DocumentPart, InstrumentPart, Judged, Part, judge
from portal_ingest.reading import envelope
from portal_ingest.records import (
    content_hash,
    dataset_pid,
    dataset_record,
    document_pid,
    document_record,
    listing,
)
from portal_ingest.registry import Kind, Registry, Stored

log = logger(__name__)

MOST_ATTEMPTS = 3  # of a job that fails for a reason nobody foresaw
PAUSE = 5.0


class Registering:
    def __init__(self, jobs: JobLog, registry: Registry, icat: Icat, intake: Intake) -> None:
        self._jobs = jobs
        self._registry = registry
        self._icat = icat
        self._intake = intake

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
                await asyncio.sleep(LEASE.total_seconds() / 3)
                with contextlib.suppress(Unavailable):
                    await self._jobs.extend(claim)

        holding = asyncio.create_task(extend())
        try:
            yield
        finally:
            holding.cancel()

    async def done(self, claim: Claim) -> JobAnswer:
        """What became of every part. Raises Unavailable to be done again."""
        profile = profiles.load(claim.profile)
        judged = judge(envelope(json.loads(claim.content)), profile)
        outcomes = [await self._instrument(part, claim) for part in judged.instruments]
        outcomes += [
            await self._dataset(part, number, judged.document, claim, profile)
            for number, part in enumerate(judged.datasets)
        ]
        if judged.document is not None:
            outcomes.insert(0, await self._document(judged, judged.document, claim, profile))
        refused = [o for o in outcomes if o.result == "refused"]
        result = "done" if not refused else "partial" if len(refused) < len(outcomes) else "refused"
        problems: tuple[Problem, ...] = ()
        if not outcomes:
            result = "refused"
            reason = "holds neither a document, nor datasets, nor instruments"
            problems = (Problem(field="job", reason=reason),)
        return JobAnswer(
            job_id=claim.job_id, result=result, outcomes=tuple(outcomes), problems=problems
        )

    async def _instrument(self, part: InstrumentPart, claim: Claim) -> Outcome:
        if part.instrument is None or part.problems:
            return _refused(part)
        return await self._instrument_seen(
            Instrument.model_validate(part.instrument.model_dump()), claim, part
        )

    async def _instrument_seen(self, instrument: Instrument, claim: Claim, part: Part) -> Outcome:
        # An instrument's pid may be that of a record of another kind, so it has a key of its own.
        pid = f"instrument:{instrument.pid}"
        for _ in range(5):
            old = await self._registry.find(pid)
            if old and old.hash == content_hash(instrument):
                return _outcome(
                    part, instrument.pid, old.version, changed=old.job_id == claim.job_id
                )
            if old is None:
                await self._registry.intend(pid, "instrument", claim.job_id)
            stored = _next(old, pid, "instrument", instrument, claim)
            event = InstrumentRegistered(instrument=instrument, version=stored.version)
            if await self._registry.save(stored, was=stored.version - 1, events=[event]):
                return _outcome(part, instrument.pid, stored.version, changed=True)
        raise Conflict(f"{pid} changes faster than it can be kept")

    async def _dataset(
        self,
        part: DatasetPart,
        number: int,
        document: DocumentPart | None,
        claim: Claim,
        profile: Profile,
    ) -> Outcome:
        given = part.dataset
        if given is None or part.problems:
            return _refused(part)
        part.problems += await asyncio.to_thread(
            self._intake.problems, given, f"datasets[{number}]"
        )
        if part.problems:
            return _refused(part)
        owner = document_pid(document.document) if document and document.document else None
        record = dataset_record(given, profile=profile.name, document=owner)
        if record.doi:
            others = await self._registry.others_with_doi(record.doi, record.pid)
            if others:
                reason = f"{record.doi} is also the DOI of {', '.join(others)}: kept as shared"
                part.warnings.append(Problem(field=f"datasets[{number}].doi", reason=reason))
        old = await self._registry.find(record.pid)
        if old and old.kind != "dataset":
            reason = f"{record.pid!r} is the pid of a {old.kind}"
            part.problems.append(Problem(field=f"datasets[{number}].pid", reason=reason))
            return _refused(part)
        if old and old.document:  # it stays with the one it was registered with
            record = record.model_copy(update={"document": old.document})
        if old and old.hash == content_hash(record):
            return _outcome(part, record.pid, old.version, changed=old.job_id == claim.job_id)
        try:
            return await self._dataset_changed(part, record, old, claim, profile)
        except Invalid as error:
            place = f"datasets[{number}].{error.field or 'name'}"
            part.problems.append(Problem(field=place, reason=error.reason))
            return _refused(part)

    async def _dataset_changed(
        self, part: DatasetPart, record: Dataset, old: Stored | None, claim: Claim, profile: Profile
    ) -> Outcome:
        """Intend, enter in ICAT, keep and say."""
        if record.instrument:
            seen = Part("instrument", record.instrument.name)
            await self._instrument_seen(record.instrument, claim, seen)
        assert part.dataset is not None  # noqa: S101  # judged
        maybe_there = old is not None or await self._registry.intend(
            record.pid, "dataset", claim.job_id
        )
        entry = dataset_entry(record, part.dataset.files, profile)
        icat_id = await self._icat.register(entry, maybe_there=maybe_there)
        stored = _next(old, record.pid, "dataset", record, claim, icat_id=icat_id)
        saved = await self._registry.save(
            stored,
            was=stored.version - 1,
            events=[DatasetRegistered(dataset=record, version=stored.version)],
            listing=listing(record, part.dataset.files, stored.version),
        )
        if not saved:
            raise Unavailable(f"another job changed {record.pid} meanwhile")
        return _outcome(part, record.pid, stored.version, changed=True)

    async def _document(
        self, judged: Judged, part: DocumentPart, claim: Claim, profile: Profile
    ) -> Outcome:
        given = part.document
        if given is None or part.problems:
            return _refused(part)
        members = [
            dataset_pid(d.dataset)
            for d in judged.datasets
            if d.dataset is not None and await self._is_member(d)
        ]
        record = document_record(given, profile=profile.name, datasets=members)
        old = await self._registry.find(record.pid)
        if old and old.kind != "document":
            reason = f"{record.pid!r} is the pid of a {old.kind}"
            part.problems.append(Problem(field="document.pid", reason=reason))
            return _refused(part)
        if old and old.hash == content_hash(record):
            return _outcome(part, record.pid, old.version, changed=old.job_id == claim.job_id)
        if old is None:
            await self._registry.intend(record.pid, "document", claim.job_id)
        stored = _next(old, record.pid, "document", record, claim)
        event = DocumentRegistered(document=record, version=stored.version)
        if not await self._registry.save(stored, was=stored.version - 1, events=[event]):
            raise Unavailable(f"another job changed {record.pid} meanwhile")
        return _outcome(part, record.pid, stored.version, changed=True)

    async def _is_member(self, part: DatasetPart) -> bool:
        """Accepted now, or refused now but registered before."""
        if not part.problems:
            return True
        assert part.dataset is not None  # noqa: S101  # asked only of those that were read
        old = await self._registry.find(dataset_pid(part.dataset))
        return old is not None and old.version > 0


def _next(
    old: Stored | None,
    pid: str,
    kind: Kind,
    record: BaseModel,
    claim: Claim,
    *,
    icat_id: int | None = None,
) -> Stored:
    return Stored(
        pid=pid,
        kind=kind,
        version=(old.version if old else 0) + 1,
        hash=content_hash(record),
        job_id=claim.job_id,
        body=record.model_dump_json(),
        icat_id=icat_id if icat_id is not None else old.icat_id if old else None,
        doi=old.doi if old else None,
        brought_doi=getattr(record, "doi", None),
        document=getattr(record, "document", None),
        datasets=getattr(record, "datasets", ()),
    )


def _refused(part: Part) -> Outcome:
    return Outcome(
        kind=part.kind,
        name=part.name,
        result="refused",
        problems=tuple(part.problems),
        warnings=tuple(part.warnings),
    )


def _outcome(part: Part, pid: str, version: int, *, changed: bool) -> Outcome:
    return Outcome(
        kind=part.kind,
        name=part.name,
        pid=pid,
        result="registered" if changed else "unchanged",
        version=version,
        warnings=tuple(part.warnings),
    )
