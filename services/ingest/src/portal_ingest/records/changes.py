"""Jobs about records that are there: patches of named fields, withdrawals, releases."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from portal_shared import profile as profiles
from portal_shared.contracts.jobs import (
    DatasetIn,
    DocumentIn,
    Outcome,
    PatchIn,
    Problem,
    WithdrawalIn,
)
from portal_shared.contracts.records import Dataset, Document
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.validation.rules import nearest
from portal_shared.validation.validator import RecordPart, judge_dataset, judge_document

from portal_ingest.domain import versioning
from portal_ingest.icat.adapter import Icat
from portal_ingest.records.registration import Registering
from portal_ingest.records.task import (
    Task,
    following,
    outcome,
    record_of,
    refused,
    saving,
    with_line,
)
from portal_ingest.store.records import Registry, Stored

FIXED = {"pid", "name", "files", "manifest", "folder"}  # a patch leaves them
OURS = {
    "document",
    "datasets",
    "profile",
    "edition",
    "supersedes",
    "superseded_by",
    "icat_id",
    "other_datasets",
}
DOTTED = re.compile(r"(parameters|details)\.(.+)", re.DOTALL)


class Changing:
    def __init__(self, registry: Registry, icat: Icat, registering: Registering) -> None:
        self._registry = registry
        self._icat = icat
        self._registering = registering

    async def record(self, part: RecordPart, task: Task) -> Outcome:
        """What became of one record that a job names."""
        change = part.change
        if change is None or part.problems:
            return refused(part)
        stored = await self._registry.find(change.pid)
        if stored is None or stored.version == 0 or stored.kind == "instrument":
            reason = f"no record has the pid {change.pid!r}"
            return refused(part, Problem(field=f"{part.place}.pid", reason=reason))
        part.kind, part.name = stored.kind, change.pid
        if isinstance(change, WithdrawalIn):
            return await self._withdraw(part, stored, change.reason, task)
        if stored.withdrawn is not None:
            reason = f"{change.pid!r} was withdrawn: {stored.withdrawn['reason']}"
            return refused(part, Problem(field=f"{part.place}.pid", reason=reason))
        if isinstance(change, PatchIn):
            return await self._patch(part, stored, change, task)
        return await self._release(part, stored, task)

    async def _patch(
        self, part: RecordPart, stored: Stored, change: PatchIn, task: Task
    ) -> Outcome:
        place = f"{part.place}.fields"
        record = record_of(stored)
        assert record is not None  # noqa: S101  # not an instrument
        profile = profiles.load(record.profile)
        task = replace(task, profile=profile, document=None)
        raw, problems = patched(record, change.fields, place, asked_public=stored.asked_public)
        if problems:
            return refused(part, *problems)
        if isinstance(record, Dataset):
            judged = judge_dataset(raw, place, profile)
            return await self._registering.dataset(judged, place, task)
        judged_document = judge_document(raw, profile, place)
        return await self._registering.document(judged_document, record.datasets, task, place)

    async def _withdraw(self, part: RecordPart, stored: Stored, reason: str, task: Task) -> Outcome:
        """A tombstone with the reason; the record is kept, but for us alone."""
        before = stored.withdrawn
        if before is not None and before["reason"] == reason:
            ours = stored.job_id == task.claim.job_id
            return outcome(part, stored.pid, stored.version, changed=ours)
        record = record_of(stored)
        assert record is not None  # noqa: S101  # not an instrument
        now = datetime.now(UTC)
        if stored.icat_id is not None:
            try:
                await self._icat.withdraw(stored.icat_id, profiles.load(record.profile), reason)
            except Invalid as error:
                return refused(part, Problem(field=error.field or "icat", reason=error.reason))
        hidden = record.model_copy(update={"is_public": False})
        stone = {"reason": reason, "title": record.title, "at": before["at"] if before else now}
        next_ = following(
            stored,
            stored.kind,
            stored.pid,
            hidden,
            task.claim,
            why="withdrawn",
            withdrawn=stone,
            release_at=None,
        )
        return await self._kept(part, next_)

    async def _release(self, part: RecordPart, stored: Stored, task: Task) -> Outcome:
        record = record_of(stored)
        assert record is not None  # noqa: S101  # not an instrument
        if record.is_public:
            ours = stored.job_id == task.claim.job_id
            return outcome(part, stored.pid, stored.version, changed=ours)
        now = datetime.now(UTC).replace(microsecond=0)
        update: dict[str, Any] = {"is_public": True}
        if versioning.embargoed(record.release_date, now):
            update["release_date"] = now
        next_ = following(
            stored,
            stored.kind,
            stored.pid,
            record.model_copy(update=update),
            task.claim,
            why="released",
            asked_public=True,
            release_at=None,
        )
        return await self._kept(part, next_)

    async def _kept(self, part: RecordPart, next_: Stored) -> Outcome:
        if not await self._registry.save(saving(next_)):
            raise Unavailable(f"another job changed {next_.pid} meanwhile")
        return outcome(part, next_.pid, next_.version, changed=True)


class Embargo:
    """The clock that ends embargoes: late when the portal was down, but never lost."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def step(self) -> bool:
        """Release one record that is due; False when none is. Of several clocks one succeeds."""
        stored = await self._registry.due_release()
        if stored is None:
            return False
        record = record_of(stored)
        assert record is not None  # noqa: S101  # instruments have no embargo
        public = record.model_copy(update={"is_public": True})
        line = versioning.entry(
            stored.version + 1,
            "released",
            job_id=None,
            sender=None,
            changed=versioning.changes(record, public),
        )
        await self._registry.save(saving(with_line(stored, public, line, release_at=None)))
        return True


def patched(
    record: Dataset | Document, fields: dict[str, Any], place: str, *, asked_public: bool
) -> tuple[dict[str, Any], list[Problem]]:
    """The record as a job would give it, with these fields; and what cannot be patched. Pure."""
    model = DatasetIn if isinstance(record, Dataset) else DocumentIn
    given = set(model.model_fields) - OURS - {"files", "folder", "manifest"}  # as jobs give them
    raw = record.model_dump(mode="json", include=given)
    raw["is_public"] = asked_public
    problems: list[Problem] = []
    open_ = set(model.model_fields) - FIXED - OURS
    for name, value in fields.items():
        dotted = DOTTED.fullmatch(name)
        if dotted:
            _patch_inside(raw, dotted[1], dotted[2], value)
        elif name not in open_:
            why = "stays what it is" if name in FIXED | OURS else "is no field that is known"
            meant = None if name in FIXED | OURS else nearest(name, open_)
            reason = f"{name[:80]!r} {why}"
            problems.append(Problem(field=f"{place}.{name[:80]}", reason=reason, suggestion=meant))
        elif value is None:
            raw.pop(name, None)
        else:
            raw[name] = value
    return raw, problems


def _patch_inside(raw: dict[str, Any], group: str, name: str, value: Any) -> None:
    if group == "details":
        details = cast("dict[str, Any]", raw.setdefault("details", {}))
        details.pop(name, None) if value is None else details.update({name: value})
        return
    rows = [p for p in cast("list[dict[str, Any]]", raw["parameters"]) if p["name"] != name]
    if isinstance(value, dict):
        rows.append({**cast("dict[str, Any]", value), "name": name})
    elif value is not None:
        rows.append({"name": name, "value": value})
    raw["parameters"] = rows
