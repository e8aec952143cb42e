"""Routes for health, version and statistics, for indexes and for their settings."""

import re
from collections.abc import Mapping
from typing import Any

from portal_local.search import json_checks
from portal_local.search.api import payloads
from portal_local.search.api.endpoint import Answer, ApiRequest, RouteHandler
from portal_local.search.api.query_params import read_count
from portal_local.search.errors import Failure
from portal_local.search.index import setting_checks
from portal_local.search.index.index import Index
from portal_local.search.tasks.engine import Engine

VERSION = "1.49.0"  # of the Meilisearch whose behaviour is implemented
_UID = re.compile(r"[A-Za-z0-9_-]{1,400}")


def valid_uid(uid: Any, where: str = "") -> str:
    if not isinstance(uid, str) or not _UID.fullmatch(uid):
        place = f" at `{where}`" if where else ""
        raise Failure(
            "invalid_index_uid",
            f"Invalid value{place}: `{uid}` is not a valid index uid. Index uid can be an integer "
            "or a string containing only alphanumeric characters, hyphens (-) and underscores (_), "
            "and can not be more than 400 bytes.",
        )
    return uid


def enqueue(
    engine: Engine,
    request: ApiRequest,
    kind: str,
    uid: str | None,
    *,
    details: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
) -> Answer:
    metadata = request.query.get("customMetadata")
    task = engine.tasks.add(
        kind, uid, details=details, parameters=parameters or {}, metadata=metadata
    )
    return 202, task


def health(_engine: Engine, _request: ApiRequest) -> Answer:
    return 200, {"status": "available"}


def version(_engine: Engine, _request: ApiRequest) -> Answer:
    return 200, {"commitSha": "unknown", "commitDate": "unknown", "pkgVersion": VERSION}


def stats(engine: Engine, _request: ApiRequest) -> Answer:
    with engine.lock:
        indexes = {uid: _index_stats(engine, index) for uid, index in engine.indexes.items()}
        updates = [index.updated_at for index in engine.indexes.values()]
    size = engine.file.stat().st_size
    return 200, {
        "databaseSize": size,
        "usedDatabaseSize": size,
        "lastUpdate": max(updates, default=None),
        "indexes": indexes,
    }


def index_stats(engine: Engine, request: ApiRequest) -> Answer:
    with engine.lock:
        return 200, _index_stats(engine, engine.index(valid_uid(request.path["uid"])))


def _index_stats(engine: Engine, index: Index) -> dict[str, Any]:
    sizes = index.total_size()
    return {
        "numberOfDocuments": index.alive.bit_count(),
        "rawDocumentDbSize": sizes,
        "avgDocumentSize": sizes // (index.alive.bit_count() or 1),
        "isIndexing": engine.tasks.is_processing(index.uid),
        "numberOfEmbeddings": 0,
        "numberOfEmbeddedDocuments": 0,
        "fieldDistribution": index.field_distribution(),
    }


def list_indexes(engine: Engine, request: ApiRequest) -> Answer:
    offset = read_count("offset", request.query.get("offset", "0"), "invalid_index_offset")
    limit = read_count("limit", request.query.get("limit", "20"), "invalid_index_limit")
    with engine.lock:
        summaries = [engine.indexes[uid].summary() for uid in sorted(engine.indexes)]
    page = summaries[offset : offset + limit]
    return 200, {"results": page, "offset": offset, "limit": limit, "total": len(summaries)}


def create_index(engine: Engine, request: ApiRequest) -> Answer:
    payloads.check_content_type(request.headers, payloads.JSON)
    body = json_checks.mapping(payloads.parse_json(request.body), "", "bad_request")
    json_checks.refuse_unknown(body, ("uid", "primaryKey"), "", "bad_request")
    if "uid" not in body:
        raise Failure("missing_index_uid", "Missing field `uid`")
    uid = valid_uid(body["uid"], ".uid")
    key = _primary_key(body)
    return enqueue(engine, request, "indexCreation", uid, details={"primaryKey": key})


def _primary_key(body: Mapping[str, Any]) -> str | None:
    key = body.get("primaryKey")
    if key is None:
        return None
    return json_checks.text(key, ".primaryKey", "invalid_index_primary_key")


def get_index(engine: Engine, request: ApiRequest) -> Answer:
    with engine.lock:
        return 200, engine.index(valid_uid(request.path["uid"])).summary()


def update_index(engine: Engine, request: ApiRequest) -> Answer:
    payloads.check_content_type(request.headers, payloads.JSON)
    body = json_checks.mapping(payloads.parse_json(request.body), "", "bad_request")
    json_checks.refuse_unknown(body, ("uid", "primaryKey"), "", "bad_request")
    parameters: dict[str, Any] = {"primaryKey": _primary_key(body)}
    if body.get("uid") is not None:
        parameters["uid"] = valid_uid(body["uid"], ".uid")
    details = {"primaryKey": parameters["primaryKey"]}
    uid = valid_uid(request.path["uid"])
    return enqueue(engine, request, "indexUpdate", uid, details=details, parameters=parameters)


def delete_index(engine: Engine, request: ApiRequest) -> Answer:
    uid = valid_uid(request.path["uid"])
    return enqueue(engine, request, "indexDeletion", uid, details={"deletedDocuments": None})


def swap_indexes(engine: Engine, request: ApiRequest) -> Answer:
    payloads.check_content_type(request.headers, payloads.JSON)
    swaps: list[list[str]] = []
    uids: list[str] = []
    for at, value in enumerate(
        json_checks.array(payloads.parse_json(request.body), "", "bad_request")
    ):
        where = f"[{at}]"
        swap = json_checks.mapping(value, where, "bad_request")
        json_checks.refuse_unknown(swap, ("indexes", "rename"), where, "bad_request")
        pair = json_checks.texts(swap.get("indexes"), f"{where}.indexes", "invalid_swap_indexes")
        if len(pair) != 2:  # noqa: PLR2004
            raise Failure(
                "invalid_swap_indexes",
                "Two indexes must be given for each swap. The list "
                f"`[{', '.join(pair)}]` contains {len(pair)} indexes.",
            )
        if swap.get("rename"):
            raise Failure(
                "invalid_swap_rename",
                f"Invalid value at `{where}.rename`: only swaps are supported.",
            )
        swaps.append([valid_uid(uid, f"{where}.indexes") for uid in pair])
        uids += pair
    duplicates = sorted({uid for uid in uids if uids.count(uid) > 1})
    if duplicates:
        listed = ", ".join(f"`{uid}`" for uid in duplicates)
        raise Failure(
            "invalid_swap_duplicate_index_found",
            f"Indexes must be declared only once during a swap. {listed} was specified several "
            "times.",
        )
    details = {"swaps": [{"indexes": pair, "rename": False} for pair in swaps]}
    return enqueue(engine, request, "indexSwap", None, details=details, parameters={"swaps": swaps})


def get_settings(engine: Engine, request: ApiRequest) -> Answer:
    with engine.lock:
        return 200, engine.index(valid_uid(request.path["uid"])).rules.settings


def update_settings(engine: Engine, request: ApiRequest) -> Answer:
    payloads.check_content_type(request.headers, payloads.JSON)
    uid = valid_uid(request.path["uid"])
    change = setting_checks.check_settings(payloads.parse_json(request.body))
    parameters = {"settings": change}
    return enqueue(engine, request, "settingsUpdate", uid, details=change, parameters=parameters)


def reset_settings(engine: Engine, request: ApiRequest) -> Answer:
    uid = valid_uid(request.path["uid"])
    parameters = {"reset": True}
    return enqueue(
        engine, request, "settingsUpdate", uid, details=parameters, parameters=parameters
    )


def setting_handler(name: str) -> RouteHandler:
    """Returns the handler of GET, PUT or PATCH, and DELETE for the address of one setting."""

    def handler(engine: Engine, request: ApiRequest) -> Answer:
        uid = valid_uid(request.path["uid"])
        if request.method == "GET":
            with engine.lock:
                return 200, _json_value(engine.index(uid).rules.settings[name])
        value = None
        if request.method != "DELETE":
            payloads.check_content_type(request.headers, payloads.JSON)
            value = setting_checks.check_setting(name, payloads.parse_json(request.body), "")
        change = {name: value}
        parameters = {"settings": change}
        return enqueue(
            engine, request, "settingsUpdate", uid, details=change, parameters=parameters
        )

    return handler


def _json_value(value: Any) -> Any:
    """Returns scalars as JSON text; other values are serialised later."""
    if value is None:
        return "null"
    return f'"{value}"' if isinstance(value, str) else value


def kebab(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name)
