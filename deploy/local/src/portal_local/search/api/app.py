"""The Starlette application: the addresses and their handlers."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from portal_local.search.api import documents, indexes, tasks
from portal_local.search.api import search as searches
from portal_local.search.api.endpoint import RouteHandler, endpoint, failure_response
from portal_local.search.errors import Failure
from portal_local.search.index.settings import DEFAULTS
from portal_local.search.tasks.engine import Engine, Worker
from portal_local.search.tasks.executor import EXECUTORS

PATCHED_SETTINGS = frozenset(("typoTolerance", "faceting", "pagination", "embedders"))
INDEX = "/indexes/{uid}"
DOCUMENTS = f"{INDEX}/documents"

ROUTES: Sequence[tuple[str, str, RouteHandler]] = (
    ("GET", "/health", indexes.health),
    ("GET", "/version", indexes.version),
    ("GET", "/stats", indexes.stats),
    ("GET", "/indexes", indexes.list_indexes),
    ("POST", "/indexes", indexes.create_index),
    ("POST", f"{INDEX}/search", searches.search),
    ("GET", f"{INDEX}/search", searches.search),
    ("POST", f"{INDEX}/facet-search", searches.facet_search),
    ("POST", "/multi-search", searches.multi_search),
    ("GET", "/tasks", tasks.list_tasks),
    ("DELETE", "/tasks", tasks.delete_tasks),
    ("POST", "/tasks/cancel", tasks.cancel_tasks),
    ("GET", "/tasks/{uid}", tasks.get_task),
    ("POST", "/swap-indexes", indexes.swap_indexes),
    ("GET", INDEX, indexes.get_index),
    ("PATCH", INDEX, indexes.update_index),
    ("DELETE", INDEX, indexes.delete_index),
    ("GET", f"{INDEX}/stats", indexes.index_stats),
    ("GET", f"{INDEX}/settings", indexes.get_settings),
    ("PATCH", f"{INDEX}/settings", indexes.update_settings),
    ("DELETE", f"{INDEX}/settings", indexes.reset_settings),
    ("GET", DOCUMENTS, documents.list_documents),
    ("POST", DOCUMENTS, documents.add_documents),
    ("PUT", DOCUMENTS, documents.add_documents),
    ("DELETE", DOCUMENTS, documents.delete_all),
    ("POST", f"{DOCUMENTS}/fetch", documents.fetch_documents),
    ("POST", f"{DOCUMENTS}/delete-batch", documents.delete_batch),
    ("POST", f"{DOCUMENTS}/delete", documents.delete_by_filter),
    ("GET", f"{DOCUMENTS}/{{id}}", documents.get_one),
    ("DELETE", f"{DOCUMENTS}/{{id}}", documents.delete_one),
)


def application(folder: Path, key: str | None) -> Starlette:
    """Builds the application over a data folder; its worker runs as long as the application."""
    engine = Engine(folder)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        worker = Worker(engine, EXECUTORS)
        worker.start()
        try:
            yield
        finally:
            worker.stop()
            engine.close()

    routes = [
        Route(path, endpoint(engine, handler, key), methods=[method])
        for method, path, handler in (*ROUTES, *_setting_routes())
    ]
    handlers = {404: _unknown_address, 405: _unknown_address}
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)


def _setting_routes() -> list[tuple[str, str, RouteHandler]]:
    found: list[tuple[str, str, RouteHandler]] = []
    for name in DEFAULTS:
        handler = indexes.setting_handler(name)
        path = f"{INDEX}/settings/{indexes.kebab(name)}"
        change = "PATCH" if name in PATCHED_SETTINGS else "PUT"
        found += [(method, path, handler) for method in ("GET", change, "DELETE")]
    return found


async def _unknown_address(request: Request, problem: Exception) -> Response:
    """Answers requests for unknown addresses and methods."""
    if isinstance(problem, HTTPException) and problem.status_code == 405:  # noqa: PLR2004
        code, what = "method_not_allowed", f"{request.method} is not allowed at this address"
    else:
        code, what = "not_found", "unknown address"
    return failure_response(Failure(code, f"{request.url.path}: {what}"))
