"""GET /failures, for operators: unavailable files with the reason, and quarantined files."""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request
from portal_shared.contracts.records import utc_text
from portal_shared.service.operator_access import require_operator

from portal_downloader.cache.disk import Cache
from portal_downloader.store.files import Files

router = APIRouter(dependencies=[Depends(require_operator)])

MAX_FILES = 1000


class FailureReport:
    """Lists failed recalls and quarantined files."""

    def __init__(self, files: Files, cache: Cache) -> None:
        self._files = files
        self._cache = cache

    async def failures(self) -> dict[str, Any]:
        """Returns files whose recall has failed, or is retried after an error."""
        rows = await self._files.with_errors(MAX_FILES)
        quarantined = await asyncio.to_thread(lambda: list(self._cache.quarantined()))
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
            "quarantine": [{"name": name, "bytes": size} for name, size in quarantined],
        }


@router.get("/failures", include_in_schema=False)
async def failures(request: Request) -> dict[str, Any]:
    report: FailureReport = request.app.state.failure_report
    return await report.failures()
