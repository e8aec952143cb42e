"""For operators: which files cannot be had and why, and what came and was something else."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from portal_shared.contracts.records import utc_text

from portal_downloader.cache.disk import Cache
from portal_downloader.store.files import Files

router = APIRouter()

MOST = 1000


class Reporting:
    def __init__(self, files: Files, cache: Cache) -> None:
        self._files = files
        self._cache = cache

    async def failures(self) -> dict[str, Any]:
        """Files whose recall has failed, or is being tried again because it did."""
        rows = await self._files.troubled(MOST)
        kept = await asyncio.to_thread(lambda: list(self._cache.quarantined()))
        return {
            "files": [
                {
                    "pid": row["pid"],
                    "location": row["location"],
                    "path": row["path"],
                    "state": row["state"],
                    "reason": row["reason"],
                    "attempts": row["attempt"],
                    "mismatches": row["mismatches"],
                    "changed": utc_text(row["changed_at"]),
                }
                for row in rows
            ],
            "quarantine": [{"name": name, "bytes": size} for name, size in kept],
        }


@router.get("/failures", include_in_schema=False)
async def failures(request: Request) -> dict[str, Any]:
    reporting: Reporting = request.app.state.reporting
    return await reporting.failures()
