"""Routes that list, cancel and delete tasks."""

import json
from dataclasses import asdict
from typing import Any

from portal_local.search.api.endpoint import Answer, ApiRequest
from portal_local.search.api.indexes import enqueue, valid_uid
from portal_local.search.api.query_params import read_count
from portal_local.search.errors import Failure
from portal_local.search.tasks.engine import Engine
from portal_local.search.tasks.queue import STATUSES, TYPES, TaskFilter
from portal_local.search.timestamps import parse

_LISTS = ("uids", "statuses", "types", "indexUids", "canceledBy")
_MOMENTS = {
    "beforeEnqueuedAt": ("enqueued_at", "<"),
    "afterEnqueuedAt": ("enqueued_at", ">"),
    "beforeStartedAt": ("started_at", "<"),
    "afterStartedAt": ("started_at", ">"),
    "beforeFinishedAt": ("finished_at", "<"),
    "afterFinishedAt": ("finished_at", ">"),
}
_PAGING = ("limit", "from", "reverse", "customMetadata")


def _error_code(name: str) -> str:
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return f"invalid_task_{snake}"


def parse_task_filter(query: dict[str, str], *, paging: bool) -> TaskFilter:
    """Parses query parameters that select tasks; `*` selects any."""
    known = (*_LISTS, *_MOMENTS, *(_PAGING if paging else _PAGING[-1:]))
    for name in query:
        if name not in known:
            listed = ", ".join(f"`{one}`" for one in known)
            raise Failure("bad_request", f"Unknown parameter `{name}`: expected one of {listed}")
    lists = {name: _split(query.get(name)) for name in _LISTS}
    return TaskFilter(
        uids=tuple(read_count("uids", uid, _error_code("uids")) for uid in lists["uids"]),
        statuses=tuple(_one_of("statuses", name, STATUSES) for name in lists["statuses"]),
        types=tuple(_one_of("types", name, TYPES) for name in lists["types"]),
        index_uids=tuple(valid_uid(uid) for uid in lists["indexUids"]),
        canceled_by=tuple(
            read_count("canceledBy", uid, _error_code("canceledBy")) for uid in lists["canceledBy"]
        ),
        moments=tuple(
            (*place, _moment(name, query[name]))
            for name, place in _MOMENTS.items()
            if name in query
        ),
    )


def _split(given: str | None) -> list[str]:
    if given is None or given.strip() == "*":
        return []
    return [part.strip() for part in given.split(",")]


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    for known in allowed:
        if known.lower() == value.lower():
            return known
    listed = ", ".join(f"`{known}`" for known in allowed)
    kind = "status" if name == "statuses" else "type"
    raise Failure(
        _error_code(name),
        f"Invalid value in parameter `{name}`: `{value}` is not a valid task {kind}. "
        f"Available {name} are {listed}.",
    )


def _moment(name: str, value: str) -> str:
    try:
        return parse(value).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise Failure(
            _error_code(name),
            f"Invalid value in parameter `{name}`: `{value}` is an invalid date-time. It should "
            "follow the YYYY-MM-DD or RFC 3339 date-time format.",
        ) from None


def get_task(engine: Engine, request: ApiRequest) -> Answer:
    given = request.path["uid"]
    if not (given.isascii() and given.isdigit() and len(given) < 16):  # noqa: PLR2004
        raise Failure(
            "invalid_task_uids",
            f"Invalid value in parameter `task_uid`: could not parse `{given}` as a positive "
            "integer",
        )
    return 200, engine.tasks.get(int(given))


def list_tasks(engine: Engine, request: ApiRequest) -> Answer:
    query = dict(request.query)
    task_filter = parse_task_filter(query, paging=True)
    start = query.get("from")
    return 200, engine.tasks.list_page(
        task_filter,
        limit=read_count("limit", query.get("limit", "20"), "invalid_task_limit"),
        start=None if start is None else read_count("from", start, "invalid_task_from"),
        reverse=query.get("reverse", "false") == "true",
    )


def cancel_tasks(engine: Engine, request: ApiRequest) -> Answer:
    return _enqueue_task_change(engine, request, "taskCancelation", "canceledTasks", "canceling")


def delete_tasks(engine: Engine, request: ApiRequest) -> Answer:
    return _enqueue_task_change(engine, request, "taskDeletion", "deletedTasks", "deleting")


def _enqueue_task_change(
    engine: Engine, request: ApiRequest, kind: str, counted: str, doing: str
) -> Answer:
    query = dict(request.query)
    task_filter = parse_task_filter(query, paging=False)
    if not any(name in query for name in (*_LISTS, *_MOMENTS)):
        raise Failure(
            "missing_task_filters",
            "Query parameters to filter the tasks to "
            f"{'cancel' if doing == 'canceling' else 'delete'} are missing. Available query "
            "parameters are: `uids`, `indexUids`, `statuses`, `types`, `canceledBy`, "
            "`beforeEnqueuedAt`, `afterEnqueuedAt`, `beforeStartedAt`, `afterStartedAt`, "
            "`beforeFinishedAt`, `afterFinishedAt`.",
        )
    original = "&".join(f"{name}={value}" for name, value in query.items())
    details: dict[str, Any] = {
        "matchedTasks": None,
        counted: None,
        "originalFilter": f"?{original}",
    }
    parameters = {"wanted": json.dumps(asdict(task_filter))}
    status, task = enqueue(engine, request, kind, None, details=details, parameters=parameters)
    return (status if doing == "canceling" else 200), task
