"""Where files lie on tape, where somebody tells: POST {"paths": […]}, answered by their places.

The answer is `[{"path": …, "tape": …, "position": …}]`. It only orders what is asked for: without
it, or while it does not answer, files go by folder.
"""

from collections.abc import Sequence
from typing import Annotated

import httpx
from portal_shared.runtime.logs import logger
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from portal_downloader.domain.batching import Place
from portal_downloader.domain.paths import normal

log = logger(__name__)


class _Told(BaseModel):
    path: str
    tape: Annotated[str, Field(min_length=1, max_length=200)]
    position: int = 0


_ANSWER = TypeAdapter(list[_Told])


class Places:
    def __init__(self, url: str | None, *, timeout: float) -> None:
        self._url = url
        self._timeout = timeout

    async def of(self, paths: Sequence[str]) -> dict[str, Place]:
        """Of those it tells of."""
        if self._url is None or not paths:
            return {}
        try:
            async with httpx.AsyncClient(timeout=self._timeout) as client:
                answer = await client.post(self._url, json={"paths": list(paths)})
                answer.raise_for_status()
                told = _ANSWER.validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            log.warning("places are not told", reason=str(error)[:300])
            return {}
        return {normal(t.path): Place(t.tape, t.position) for t in told}
