"""The identity of the cache: the folder and the database of the downloader belong together.

Replicas share one folder. One that was given another folder would take every file of the first for
lost at its start; so it does not start.
"""

import asyncio
import os
import uuid
from pathlib import Path

from portal_shared.runtime.errors import Conflict
from portal_shared.runtime.mongo import Database, Doc, DuplicateKeyError, translate_errors

FILE_NAME = "cache-identity"
SETTING = "PORTAL_CACHE_REPLACES"


class CacheIdentity:
    """Compares the identity in the folder with that in the database, before anything else."""

    def __init__(self, database: Database, folder: Path, *, replaces: str | None) -> None:
        """`replaces` is the identity of a cache that is gone and that this one replaces."""
        self._rows = database["identity"]
        self._path = folder / FILE_NAME
        self._replaces = replaces

    async def check(self) -> None:
        """Stores a new identity at the first start. Raises Conflict for another cache's folder."""
        ours = await asyncio.to_thread(self._read_or_create)
        theirs = await self._stored(ours)
        if theirs == ours:
            return
        if theirs == self._replaces:
            with translate_errors():
                await self._rows.update_one({"_id": "cache", "value": theirs}, _set(ours))
            return
        raise Conflict(
            f"the cache in {self._path.parent} is not the cache of this database. All replicas need"
            f" the same folder (PORTAL_CACHE_DIR on a shared volume). If the disk of the old cache"
            f" is lost and this one replaces it, set {SETTING}={theirs} and start again"
        )

    async def _stored(self, ours: str) -> str:
        """Returns the identity in the database; ours is stored if there is none."""
        with translate_errors():
            try:
                await self._rows.insert_one({"_id": "cache", "value": ours})
            except DuplicateKeyError:
                row: Doc | None = await self._rows.find_one({"_id": "cache"})
                return str((row or {}).get("value", ours))
        return ours

    def _read_or_create(self) -> str:
        """Returns the identity in the folder; replicas that start together create one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(f"{FILE_NAME}.{uuid.uuid4().hex}")
        if not self._path.exists():
            new.write_text(uuid.uuid4().hex + "\n", "ascii")
            try:
                os.link(new, self._path)  # atomic, and fails where another replica was first
            except FileExistsError:
                pass
            finally:
                new.unlink()
        return self._path.read_text("ascii").strip()


def _set(value: str) -> Doc:
    return {"$set": {"value": value}}
