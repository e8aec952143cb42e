"""What an operator may ask of one DOI: look at it, reserve it, publish it, hide it.

What DataCite's rules forbid cannot be asked for: there is no way from public back to a draft, and
none to delete. A DOI that is not ours is looked at only.
"""

from collections.abc import Mapping
from typing import Any

from portal_shared import profile as profiles
from portal_shared.contracts.records import Level, Pid
from portal_shared.runtime.errors import Conflict, Invalid, NotFound
from portal_shared.runtime.logs import current_correlation_id, logger
from portal_shared.runtime.mongo import Doc, DuplicateKeyError
from portal_shared.runtime.worker import Worker
from pydantic import TypeAdapter, ValidationError

from portal_doi.domain import suffix
from portal_doi.domain.outcome import Outcome
from portal_doi.domain.state import OURS, PUBLIC_ONCE, released_at, why_closed
from portal_doi.store.registry import Intent, Registry, new_row

log = logger(__name__)

SHOWN = ("level", "version", "state", "doi", "url", "doi_state", "own", "own_state", "problem",
         "hold", "withdrawn", "told", "revision", "registered_at", "changed_at", "updated_at",
         "links")  # fmt: skip
_PIDS: TypeAdapter[str] = TypeAdapter(Pid)


class Operating:
    def __init__(self, registry: Registry, worker: Worker, *, prefix: str, profile: str) -> None:
        self._registry = registry
        self._worker = worker
        self._prefix = prefix
        self._profile = profile  # of a pid that is not known yet

    async def show(self, name: str) -> list[dict[str, Any]]:
        """The identifiers of a pid or DOI; several where a DOI is shared. Raises NotFound."""
        rows = await self._registry.named(name)
        if not rows:
            raise NotFound(f"no identifier of {name!r}")
        return [told(row) for row in rows]

    async def reserve(self, pid: str, level: Level = "dataset") -> dict[str, Any]:
        """A draft of the DOI that the pid has or will have. Raises Conflict where one is public."""
        found = await self._registry.find(pid)
        if found is None:
            return await self._reserve_unknown(pid, level)
        if found["state"] == "adopted":
            raise Conflict(f"{pid} has {found['doi']}, which is not ours to reserve", field="id")
        if found["own_state"] in PUBLIC_ONCE or found["state"] == "minted":
            raise Conflict(
                f"{found['own']} is {found['own_state']}: what was public is a draft no more",
                field="id",
            )
        own = found["own"] or self._doi(pid, found["record"].get("profile", self._profile))
        fields: Doc = {"own": own, "doi": own, "state": "pending", "hold": "draft", "open": False}
        return await self._wished(found, fields)

    async def publish(self, name: str) -> dict[str, Any]:
        """Findable, if its record is public. Raises Conflict with the reason where it is not."""
        row = await self._ours(name)
        if not row["version"]:
            raise Conflict(f"{row['own']} has no record yet", field="id")
        closed = why_closed({**row, "hold": None}, await self._registry.clock.now())
        if closed:
            until = released_at(row)
            when = f" until {until.isoformat()}" if closed == "under embargo" and until else ""
            raise Conflict(f"{row['_id']} is {closed}{when}", field="id")
        state = row["state"] if row["state"] in OURS else "pending"
        return await self._wished(row, {"hold": None, "state": state, "open": True})

    async def hide(self, name: str) -> dict[str, Any]:
        """Registered: it resolves as before, and is found no more."""
        row = await self._ours(name)
        if row["own_state"] not in PUBLIC_ONCE:
            raise Conflict(f"{row['own']} is not public: there is nothing to hide", field="id")
        state = row["state"] if row["state"] in OURS else "pending"
        return await self._wished(row, {"hold": "hidden", "state": state, "open": False})

    async def _ours(self, name: str) -> Doc:
        rows = [r for r in await self._registry.named(name) if r["own"]]
        if not rows:
            known = await self._registry.named(name)
            if known:
                raise Conflict(f"{name} is not registered by us: {known[0]['state']}", field="id")
            raise NotFound(f"no identifier of {name!r}")
        return rows[0]

    async def _wished(self, row: Doc, fields: Doc) -> dict[str, Any]:
        if not await self._registry.wish(row["_id"], version=row["version"], fields=fields):
            raise Conflict(f"{row['_id']} changed meanwhile; look and ask again", field="id")
        log.info("asked for", pid=row["_id"], **{k: v for k, v in fields.items() if k != "_id"})
        self._worker.wake.set()
        return told({**row, **fields, "waiting": True})

    async def _reserve_unknown(self, pid: str, level: Level) -> dict[str, Any]:
        try:
            _PIDS.validate_python(pid)
        except ValidationError as error:
            raise Invalid(f"{pid!r} is no pid: {error.errors()[0]['msg']}", field="id") from error
        if pid.lower().startswith("10.") and "/" in pid:
            raise Invalid(f"{pid!r} is a DOI: name the pid that is to have one", field="id")
        now = await self._registry.clock.now()
        own = self._doi(pid, self._profile)
        record = {"pid": pid, "profile": self._profile}
        fields: Doc = {
            "level": level, "version": 0, "record": record, "own": own, "doi": own,
            "waiting": True, "due": now, "since": now,
        }  # fmt: skip
        before = new_row(pid, now)
        try:
            await self._registry.keep([Intent(before, Outcome(fields), current_correlation_id())])
        except DuplicateKeyError as error:
            raise Conflict(f"{pid} came meanwhile; look and ask again", field="id") from error
        self._worker.wake.set()
        return told({**before, **fields})

    def _doi(self, pid: str, profile: str) -> str:
        return f"{self._prefix}/{suffix.suffix(pid, 0, profiles.load(profile).doi.suffix)}"


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for people."""
    shown = {name: row.get(name) for name in SHOWN}
    return {"pid": row["_id"], "pending": bool(row["waiting"] and row["since"]), **shown}
