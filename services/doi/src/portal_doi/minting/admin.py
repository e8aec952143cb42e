"""Operator actions on one DOI: show, reserve, publish, hide.

DataCite's rules limit them: a public DOI never becomes a draft again, and none is deleted. A DOI
that is not ours can only be shown.
"""

from typing import Any

from portal_shared import profile as profiles
from portal_shared.contracts.records import Level, Pid
from portal_shared.runtime.errors import Conflict, Invalid, NotFound
from portal_shared.runtime.logs import logger
from portal_shared.runtime.mongo import DuplicateKeyError
from portal_shared.runtime.telemetry.origin import current_origin
from portal_shared.runtime.worker import Worker
from pydantic import TypeAdapter, ValidationError

from portal_doi.domain import suffix
from portal_doi.domain.outcome import Outcome
from portal_doi.domain.row import RESERVED, RegistryRow, RowChanges, Stage, new_row
from portal_doi.domain.state import OURS, PUBLIC_ONCE, release_date, why_closed
from portal_doi.store.operator_store import OperatorStore
from portal_doi.store.registry import Intent, Registry
from portal_doi.store.rows import to_row

log = logger(__name__)

# Fields of the answer, under the names that they are stored by.
SHOWN = ("level", "version", "state", "doi", "url", "doi_state", "own", "own_state", "problem",
         "hold", "withdrawn", "told", "revision", "registered_at", "changed_at", "updated_at",
         "links")  # fmt: skip
_PIDS: TypeAdapter[str] = TypeAdapter(Pid)


class OperatorActions:
    def __init__(
        self,
        registry: Registry,
        operator_store: OperatorStore,
        worker: Worker,
        *,
        prefix: str,
        profile: str,
    ) -> None:
        self._registry = registry
        self._operator_store = operator_store
        self._worker = worker
        self._prefix = prefix
        self._profile = profile  # of a pid that is not known yet

    async def show(self, name: str) -> list[dict[str, Any]]:
        """Return the identifiers of a pid or DOI; several if a DOI is shared. Raises NotFound."""
        rows = await self._operator_store.find_by_name(name)
        if not rows:
            raise _not_found(name)
        return [identifier_view(row) for row in rows]

    async def reserve(self, pid: str, level: Level | None = None) -> dict[str, Any]:
        """Register a draft of the DOI that the pid has, or, with a level, that it will have.

        Raises Conflict if the DOI is public, NotFound for an unknown pid without a level: a draft
        cannot be taken back, so a misspelt pid must not get one.
        """
        row = await self._registry.find(pid)
        if row is None:
            return await self._reserve_unknown(pid, level)
        if row.state == "adopted":
            raise Conflict(
                f"{pid} has {row.doi}, which is not ours; it cannot be reserved", field="id"
            )
        if row.our_state in PUBLIC_ONCE or row.state == "minted":
            raise Conflict(
                f"{row.our_doi} is {row.our_state}; a public DOI cannot become a draft again",
                field="id",
            )
        our_doi = row.our_doi or self._new_doi(pid, row.record.get("profile", self._profile))
        return await self._set_intent(
            row,
            {
                "our_doi": our_doi,
                "doi": our_doi,
                "state": "pending",
                "operator_hold": "draft",
                "is_public": False,
            },
        )

    async def publish(self, name: str) -> dict[str, Any]:
        """Make a DOI findable. Raises Conflict with the reason if its record is not public."""
        row = await self._find_ours(name)
        if row.version == RESERVED:
            raise Conflict(
                f"{row.our_doi} has no record yet; register the record first", field="id"
            )
        now = await self._registry.clock.now()
        closed = why_closed(row.changed({"operator_hold": None}), now)
        if closed:
            release = release_date(row)
            until = f" until {release.isoformat()}" if closed == "under embargo" and release else ""
            raise Conflict(f"the record {row.pid} is {closed}{until}", field="id")
        return await self._set_intent(
            row, {"operator_hold": None, "state": _our_stage(row), "is_public": True}
        )

    async def hide(self, name: str) -> dict[str, Any]:
        """Make a DOI registered: it resolves as before, and is not found any more."""
        row = await self._find_ours(name)
        if row.our_state not in PUBLIC_ONCE:
            raise Conflict(f"{row.our_doi} is not public: there is nothing to hide", field="id")
        return await self._set_intent(
            row, {"operator_hold": "hidden", "state": _our_stage(row), "is_public": False}
        )

    async def _find_ours(self, name: str) -> RegistryRow:
        rows = await self._operator_store.find_by_name(name)
        if not rows:
            raise _not_found(name)
        ours = [row for row in rows if row.our_doi]
        if not ours:
            raise Conflict(
                f"{name} is not registered by us (state: {rows[0].state}); it can only be shown",
                field="id",
            )
        return ours[0]

    async def _set_intent(self, row: RegistryRow, changes: RowChanges) -> dict[str, Any]:
        is_set = await self._operator_store.set_operator_intent(
            row.pid, version=row.version, changes=changes
        )
        if not is_set:
            raise Conflict(
                f"{row.pid} was changed at the same time; check it and try again", field="id"
            )
        log.info("operator intent", pid=row.pid, **changes)
        self._worker.wake.set()
        return {**identifier_view(row.changed(changes)), "pending": True}

    async def _reserve_unknown(self, pid: str, level: Level | None) -> dict[str, Any]:
        try:
            _PIDS.validate_python(pid)
        except ValidationError as error:
            raise Invalid(
                f"{pid!r} is not a pid: {error.errors()[0]['msg']}", field="id"
            ) from error
        if pid.lower().startswith("10.") and "/" in pid:
            raise Invalid(
                f"{pid!r} is a DOI; give the pid of the record that will have a DOI", field="id"
            )
        if level is None:
            raise NotFound(
                f"no record has the pid {pid!r}; check it. To reserve the DOI of a record that "
                "will be registered later, give its level as well",
                field="id",
            )
        now = await self._registry.clock.now()
        our_doi = self._new_doi(pid, self._profile)
        changes: RowChanges = {
            "level": level,
            "version": RESERVED,
            "record": {"pid": pid, "profile": self._profile},
            "our_doi": our_doi,
            "doi": our_doi,
            "needs_work": True,
            "next_attempt_at": now,
            "waiting_since": now,
        }
        before = new_row(pid, now)
        try:
            await self._registry.store([Intent(before, Outcome(changes), current_origin())])
        except DuplicateKeyError as error:
            raise Conflict(
                f"{pid} was registered at the same time; check it and try again", field="id"
            ) from error
        self._worker.wake.set()
        return identifier_view(before.changed(changes))

    def _new_doi(self, pid: str, profile: str) -> str:
        return f"{self._prefix}/{suffix.suffix(pid, 0, profiles.load(profile).doi.suffix)}"


def identifier_view(row: RegistryRow) -> dict[str, Any]:
    """Return a row as operators see it."""
    values = to_row(row)
    shown = {name: values.get(name) for name in SHOWN}
    return {"pid": row.pid, "pending": bool(row.needs_work and row.waiting_since), **shown}


def _our_stage(row: RegistryRow) -> Stage:
    return row.state if row.state in OURS else "pending"


def _not_found(name: str) -> NotFound:
    return NotFound(f"the registry has no identifier for {name!r}; check the pid or DOI")
