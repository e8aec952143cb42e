"""HTTP client of a site's service for tape locations: POST {"paths": […]}.

The answer is `[{"path": …, "tape": …, "position": …}]`. It only improves the order of recalls:
without the service, or while it does not answer, files are grouped by folder.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import httpx
from portal_shared.runtime.logs import logger
from portal_shared.runtime.tls import tls_context
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from portal_downloader.domain.batch_policy import TapeLocation
from portal_downloader.domain.paths import normalize

log = logger(__name__)


class _Location(BaseModel):
    path: str
    tape: Annotated[str, Field(min_length=1, max_length=200)]
    position: int = 0


_ANSWER = TypeAdapter(list[_Location])


class TapeLocator:
    """Looks up tape locations, if a URL is configured."""

    def __init__(self, url: str | None, *, timeout: float, ca_file: Path | None = None) -> None:
        self._url = url
        self._timeout = timeout
        self._tls = tls_context(ca_file)

    async def locate(self, paths: Sequence[str]) -> dict[str, TapeLocation]:
        """Returns the locations of those of these paths that the service knows."""
        if self._url is None or not paths:
            return {}
        try:
            async with httpx.AsyncClient(timeout=self._timeout, verify=self._tls) as client:
                answer = await client.post(self._url, json={"paths": list(paths)})
                answer.raise_for_status()
                locations = _ANSWER.validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            log.warning("tape locations unavailable", reason=str(error)[:300])
            return {}
        return {
            normalize(location.path): TapeLocation(location.tape, location.position)
            for location in locations
        }
