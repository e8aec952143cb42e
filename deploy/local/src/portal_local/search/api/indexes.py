"""Routes of the service itself, of indexes and of their settings."""

import re
from collections.abc import Mapping
from typing import Any

from portal_local.search import json_checks
from portal_local.search.api import payloads
from portal_local.search.api.endpoint import Answer, Asked, Work
from portal_local.search.api.query_params import read_count
from portal_local.search.errors import Failure
from portal_local.search.index import setting_checks
from portal_local.search.index.index import Index
from portal_local.search.tasks.engine import Engine

VERSION = "1.36.0"  # whose behaviour is followed
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


def enqueued(
    engine: Engine,
    asked: Asked,
    kind: str,
    uid: str | None,
    *,
    details: Mapping[str, Any],
    request: Mapping[str, Any] | None = None,
) -> Answer:
    metadata = asked.query.get("customMetadata")
    told = engine.tasks.add(kind, uid, details=details, request=request or {}, metadata=metadata)
    return 202, told


def health(_engine: Engine, _asked: Asked) -> Answer:
    return 200, {"status": "available"}


def version(_engine: Engine, _asked: Asked) -> Answer:
    return 200, {"commitSha": "unknown", "commitDate": "unknown", "pkgVersion": VERSION}


def stats(engine: Engine, _asked: Asked) -> Answer:
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


def index_stats(engine: Engine, asked: Asked) -> Answer:
    with engine.lock:
        return 200, _index_stats(engine, engine.index(valid_uid(asked.path["uid"])))


def _index_stats(engine: Engine, index: Index) -> dict[str, Any]:
    sizes = index.sizes()
    return {
        "numberOfDocuments": index.alive.bit_count(),
        "rawDocumentDbSize": sizes,
        "avgDocumentSize": sizes // (index.alive.bit_count() or 1),
        "isIndexing": engine.tasks.busy_with(index.uid),
        "numberOfEmbeddings": 0,
        "numberOfEmbeddedDocuments": 0,
        "fieldDistribution": index.distribution(),
    }


def list_indexes(engine: Engine, asked: Asked) -> Answer:
    offset = read_count("offset", asked.query.get("offset", "0"), "invalid_index_offset")
    limit = read_count("limit", asked.query.get("limit", "20"), "invalid_index_limit")
    with engine.lock:
        told = [engine.indexes[uid].described() for uid in sorted(engine.indexes)]
    page = told[offset : offset + limit]
    return 200, {"results": page, "offset": offset, "limit": limit, "total": len(told)}


def create_index(engine: Engine, asked: Asked) -> Answer:
    payloads.content_type(asked.headers, payloads.JSON)
    body = json_checks.mapping(payloads.loaded(asked.body), "", "bad_request")
    json_checks.known(body, ("uid", "primaryKey"), "", "bad_request")
    if "uid" not in body:
        raise Failure("missing_index_uid", "Missing field `uid`")
    uid = valid_uid(body["uid"], ".uid")
    key = _primary_key(body)
    return enqueued(engine, asked, "indexCreation", uid, details={"primaryKey": key})


def _primary_key(body: Mapping[str, Any]) -> str | None:
    key = body.get("primaryKey")
    if key is None:
        return None
    return json_checks.text(key, ".primaryKey", "invalid_index_primary_key")


def get_index(engine: Engine, asked: Asked) -> Answer:
    with engine.lock:
        return 200, engine.index(valid_uid(asked.path["uid"])).described()


def update_index(engine: Engine, asked: Asked) -> Answer:
    payloads.content_type(asked.headers, payloads.JSON)
    body = json_checks.mapping(payloads.loaded(asked.body), "", "bad_request")
    json_checks.known(body, ("uid", "primaryKey"), "", "bad_request")
    request: dict[str, Any] = {"primaryKey": _primary_key(body)}
    if body.get("uid") is not None:
        request["uid"] = valid_uid(body["uid"], ".uid")
    details = {"primaryKey": request["primaryKey"]}
    uid = valid_uid(asked.path["uid"])
    return enqueued(engine, asked, "indexUpdate", uid, details=details, request=request)


def delete_index(engine: Engine, asked: Asked) -> Answer:
    uid = valid_uid(asked.path["uid"])
    return enqueued(engine, asked, "indexDeletion", uid, details={"deletedDocuments": None})


def swap_indexes(engine: Engine, asked: Asked) -> Answer:
    payloads.content_type(asked.headers, payloads.JSON)
    swaps: list[list[str]] = []
    named: list[str] = []
    for at, value in enumerate(json_checks.array(payloads.loaded(asked.body), "", "bad_request")):
        where = f"[{at}]"
        swap = json_checks.mapping(value, where, "bad_request")
        json_checks.known(swap, ("indexes", "rename"), where, "bad_request")
        pair = json_checks.texts(swap.get("indexes"), f"{where}.indexes", "invalid_swap_indexes")
        if len(pair) != 2:  # noqa: PLR2004
            raise Failure(
                "invalid_swap_indexes",
                "Two indexes must be given for each swap. The list "
                f"`[{', '.join(pair)}]` contains {len(pair)} indexes.",
            )
        if swap.get("rename"):
            raise Failure(
                "invalid_swap_rename", f"Invalid value at `{where}.rename`: only swaps are served."
            )
        swaps.append([valid_uid(uid, f"{where}.indexes") for uid in pair])
        named += pair
    doubled = sorted({uid for uid in named if named.count(uid) > 1})
    if doubled:
        listed = ", ".join(f"`{uid}`" for uid in doubled)
        raise Failure(
            "invalid_swap_duplicate_index_found",
            f"Indexes must be declared only once during a swap. {listed} was specified several "
            "times.",
        )
    details = {"swaps": [{"indexes": pair, "rename": False} for pair in swaps]}
    return enqueued(engine, asked, "indexSwap", None, details=details, request={"swaps": swaps})


def get_settings(engine: Engine, asked: Asked) -> Answer:
    with engine.lock:
        return 200, engine.index(valid_uid(asked.path["uid"])).rules.settings


def update_settings(engine: Engine, asked: Asked) -> Answer:
    payloads.content_type(asked.headers, payloads.JSON)
    uid = valid_uid(asked.path["uid"])
    change = setting_checks.checked(payloads.loaded(asked.body))
    request = {"settings": change}
    return enqueued(engine, asked, "settingsUpdate", uid, details=change, request=request)


def reset_settings(engine: Engine, asked: Asked) -> Answer:
    uid = valid_uid(asked.path["uid"])
    request = {"reset": True}
    return enqueued(engine, asked, "settingsUpdate", uid, details=request, request=request)


def one_setting(name: str) -> Work:
    """GET, PUT or PATCH, and DELETE of one setting by its own address."""

    def work(engine: Engine, asked: Asked) -> Answer:
        uid = valid_uid(asked.path["uid"])
        if asked.method == "GET":
            with engine.lock:
                return 200, _value(engine.index(uid).rules.settings[name])
        value = None
        if asked.method != "DELETE":
            payloads.content_type(asked.headers, payloads.JSON)
            value = setting_checks.checked_one(name, payloads.loaded(asked.body), "")
        change = {name: value}
        request = {"settings": change}
        return enqueued(engine, asked, "settingsUpdate", uid, details=change, request=request)

    return work


def _value(value: Any) -> Any:
    """JSON of scalars too."""
    if value is None:
        return "null"
    return f'"{value}"' if isinstance(value, str) else value


def kebab(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name)
