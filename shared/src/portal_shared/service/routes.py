"""Routes that every service has: probes for everybody, /status and /metrics for operators."""

from typing import Any, Protocol

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from portal_shared.service.health import public_reasons
from portal_shared.service.operator_access import require_operator
from portal_shared.service.probes import PROBES, Probes

NO_STORE = {"Cache-Control": "no-store"}


class Observed(Protocol):
    """What the routes show."""

    name: str
    probes: Probes

    def failing_checks(self) -> dict[str, str]: ...

    async def status(self, *, exact: bool = False) -> dict[str, Any]: ...

    def metrics(self, accept: str = "") -> tuple[bytes, str]: ...


def probe_router(service: Observed) -> APIRouter:
    """Returns /health and the probes, which are open to everybody."""
    made = APIRouter()

    @made.get("/health", include_in_schema=False)
    async def health() -> JSONResponse:
        return _answer("unready", public_reasons(service.failing_checks()))

    for probe in PROBES:
        made.add_api_route(f"/health/{probe}", _probe(service, probe), include_in_schema=False)

    def _answer(failing: str, problems: dict[str, str]) -> JSONResponse:
        status = failing if problems else "ok"
        body = {"status": status, "service": service.name, "problems": problems}
        return JSONResponse(body, 503 if problems else 200, NO_STORE)

    return made


def operator_router(service: Observed) -> APIRouter:
    """Returns /status and /metrics, for operators."""
    made = APIRouter(dependencies=[Depends(require_operator)])

    @made.get("/status", include_in_schema=False)
    async def status(*, exact: bool = False) -> dict[str, Any]:
        return await service.status(exact=exact)

    @made.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        accept = ",".join(request.headers.getlist("accept"))
        body, media_type = service.metrics(accept)
        return Response(body, headers={**NO_STORE, "Content-Type": media_type, "Vary": "Accept"})

    return made


def _probe(service: Observed, probe: str) -> Any:
    async def answer() -> JSONResponse:
        problems = public_reasons(dict(service.probes.find(probe)))
        body = {"status": "failing" if problems else "ok", "probe": probe, "problems": problems}
        return JSONResponse(body, 503 if problems else 200, NO_STORE)

    return answer
