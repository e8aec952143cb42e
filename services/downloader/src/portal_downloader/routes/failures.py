"""GET /failures, for operators: unavailable, quarantined and damaged files with the reason."""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request
from portal_shared.contracts.records import utc_text
from portal_shared.service.operator_access import require_operator

from portal_downloader.cache.disk import Cache
from portal_downloader.store.damages import Damages
from portal_downloader.store.files import Files

router = APIRouter(dependencies=[Depends(require_operator)])

MAX_FILES = 1000


class FailureReport:
    """Lists failed recalls, quarantined files, and files with chunks that cannot be decoded."""

    def __init__(self, files: Files, damages: Damages, cache: Cache) -> None:
        self._files = files
        self._damages = damages
        self._cache = cache

    async def failures(self) -> dict[str, Any]:
        """Returns files whose recall has failed, or is retried after an error."""
        files = await self._files.with_errors(MAX_FILES)
        damaged = await self._damages.first(MAX_FILES)
        quarantined = await asyncio.to_thread(lambda: list(self._cache.quarantined()))
        return {
            "files": [
                {
                    "pid": file.pid,
                    "location": file.location,
                    "path": file.path,
                    "state": file.state,
                    "reason": file.reason,
                    "attempts": file.attempt,
                    "mismatches": file.mismatches,
                    "changed": utc_text(file.changed_at),
                }
                for file in files
            ],
            "quarantine": [{"name": name, "bytes": size} for name, size in quarantined],
            "damaged": [
                {
                    "pid": one.pid,
                    "location": one.location,
                    "chunk": one.chunk,
                    "reason": one.reason,
                    "found": utc_text(one.found_at),
                }
                for one in damaged
            ],
        }


@router.get("/failures", include_in_schema=False)
async def failures(request: Request) -> dict[str, Any]:
    report: FailureReport = request.app.state.failure_report
    return await report.failures()
