"""Routes that add, delete, list and fetch documents."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from portal_local.search import json_checks
from portal_local.search.api import payloads
from portal_local.search.api.endpoint import Answer, ApiRequest
from portal_local.search.api.indexes import enqueue, valid_uid
from portal_local.search.api.query_params import read_count, read_flag
from portal_local.search.bitmaps import numbers_in
from portal_local.search.errors import Failure, no_document
from portal_local.search.index.attribute_patterns import any_covers
from portal_local.search.index.flat_fields import prune
from portal_local.search.index.index import Index
from portal_local.search.query.filter_evaluation import FilterEvaluator
from portal_local.search.query.filter_parameter import parse_filter
from portal_local.search.ranking.bucket_sort import BucketSort
from portal_local.search.ranking.rules import SortRule
from portal_local.search.results.search import parse_sort
from portal_local.search.tasks.engine import Engine


def add_documents(engine: Engine, request: ApiRequest) -> Answer:
    """Enqueues documents: POST replaces existing ones, PUT merges into them."""
    kind = payloads.check_content_type(request.headers, payloads.JSON, payloads.NDJSON)
    uid = valid_uid(request.path["uid"])
    found = payloads.parse_documents(request.body, kind)
    skip = read_flag(
        "skipCreation", request.query.get("skipCreation", "false"), "invalid_skip_creation"
    )
    return enqueue(
        engine,
        request,
        "documentAdditionOrUpdate",
        uid,
        details={"receivedDocuments": len(found), "indexedDocuments": None},
        parameters={
            "documents": found,
            "update": request.method == "PUT",
            "primaryKey": request.query.get("primaryKey"),
            "skipCreation": skip,
        },
    )


def _enqueue_deletion(
    engine: Engine, request: ApiRequest, parameters: Mapping[str, Any], **details: Any
) -> Answer:
    details = {"providedIds": 0, "originalFilter": None, **details, "deletedDocuments": None}
    uid = valid_uid(request.path["uid"])
    return enqueue(engine, request, "documentDeletion", uid, details=details, parameters=parameters)


def delete_all(engine: Engine, request: ApiRequest) -> Answer:
    return _enqueue_deletion(engine, request, {})


def delete_one(engine: Engine, request: ApiRequest) -> Answer:
    return _enqueue_deletion(engine, request, {"ids": [request.path["id"]]}, providedIds=1)


def delete_batch(engine: Engine, request: ApiRequest) -> Answer:
    payloads.check_content_type(request.headers, payloads.JSON)
    given = json_checks.array(payloads.parse_json(request.body), "", "bad_request")
    ids = [str(value) for value in given if isinstance(value, str | int)]
    if len(ids) < len(given):
        raise Failure("invalid_document_id", "Document identifiers are strings or integers.")
    return _enqueue_deletion(engine, request, {"ids": ids}, providedIds=len(ids))


def delete_by_filter(engine: Engine, request: ApiRequest) -> Answer:
    payloads.check_content_type(request.headers, payloads.JSON)
    body = json_checks.mapping(payloads.parse_json(request.body), "", "bad_request")
    json_checks.refuse_unknown(body, ("filter",), "", "bad_request")
    if "filter" not in body:
        raise Failure("missing_document_filter", "Missing field `filter`")
    _parse_document_filter(body["filter"], required=True)
    shown = json.dumps(body["filter"], ensure_ascii=False)
    return _enqueue_deletion(engine, request, {"filter": body["filter"]}, originalFilter=shown)


def _parse_document_filter(given: Any, *, required: bool = False) -> Any:
    try:
        node = parse_filter(given)
    except Failure as failure:
        code = failure.code.replace("invalid_search_filter", "invalid_document_filter")
        raise Failure(code, failure.message) from failure
    if required and node is None:
        raise Failure("invalid_document_filter", "Sending an empty filter is forbidden.")
    return node


def get_one(engine: Engine, request: ApiRequest) -> Answer:
    fields = _parse_fields(request.query.get("fields"))
    with engine.lock:
        index = engine.index(valid_uid(request.path["uid"]))
        found = index.find(request.path["id"], engine.reader)
    if found is None:
        raise no_document(request.path["id"])
    return 200, _project(found[1], fields)


def list_documents(engine: Engine, request: ApiRequest) -> Answer:
    query = request.query
    return 200, _document_page(
        engine,
        valid_uid(request.path["uid"]),
        offset=read_count("offset", query.get("offset", "0"), "invalid_document_offset"),
        limit=read_count("limit", query.get("limit", "20"), "invalid_document_limit"),
        fields=_parse_fields(query.get("fields")),
        ids=query["ids"].split(",") if "ids" in query else None,
        given=query.get("filter"),
        sort=query["sort"].split(",") if query.get("sort") else [],
    )


def fetch_documents(engine: Engine, request: ApiRequest) -> Answer:
    payloads.check_content_type(request.headers, payloads.JSON)
    body = json_checks.mapping(payloads.parse_json(request.body), "", "bad_request")
    names = ("offset", "limit", "fields", "filter", "ids", "sort", "retrieveVectors")
    json_checks.refuse_unknown(body, names, "", "bad_request")
    given = {name: value for name, value in body.items() if value is not None}
    fields = given.get("fields")
    ids = given.get("ids")
    if ids is not None:
        listed = json_checks.array(ids, ".ids", "invalid_document_ids")
        ids = [str(value) for value in listed]
    return 200, _document_page(
        engine,
        valid_uid(request.path["uid"]),
        offset=json_checks.count(given.get("offset", 0), ".offset", "invalid_document_offset"),
        limit=json_checks.count(given.get("limit", 20), ".limit", "invalid_document_limit"),
        fields=fields and json_checks.texts(fields, ".fields", "invalid_document_fields"),
        ids=ids,
        given=given.get("filter"),
        sort=json_checks.texts(given.get("sort", []), ".sort", "invalid_document_sort"),
    )


def _document_page(
    engine: Engine,
    uid: str,
    *,
    offset: int,
    limit: int,
    fields: Sequence[str] | None,
    ids: Sequence[str] | None,
    given: Any,
    sort: Sequence[str],
) -> dict[str, Any]:
    node = _parse_document_filter(given)
    with engine.lock:
        index = engine.index(uid)
        try:
            filtering = FilterEvaluator(index.facets, index.alive, index.rules.why_not_filterable)
            found = filtering.evaluate(node)
        except Failure as failure:
            raise Failure("invalid_document_filter", failure.message) from failure
        if ids is not None:
            known = [index.find(external, engine.reader) for external in ids]
            found &= sum({1 << pair[0] for pair in known if pair})
        numbers = _sort_numbers(index, found, sort)[offset : offset + limit]
        bodies = [json.loads(index.body(number)) for number in numbers]
    return {
        "results": [_project(body, fields) for body in bodies],
        "offset": offset,
        "limit": limit,
        "total": found.bit_count(),
    }


def _sort_numbers(index: Index, found: int, sort: Sequence[str]) -> list[int]:
    if not sort:
        return list(numbers_in(found))
    try:
        sorts = parse_sort(index.rules, sort)
    except Failure as failure:
        raise Failure("invalid_document_sort", failure.message) from failure
    rules = [SortRule(index, field, descending=descending) for field, descending in sorts]
    ordering = BucketSort(rules, graded=False, distinct=None)
    return [number for number, _ in ordering.page(found, 0, found.bit_count())]


def _parse_fields(given: str | None) -> list[str] | None:
    return None if given is None else given.split(",")


def _project(document: dict[str, Any], fields: Sequence[str] | None) -> dict[str, Any]:
    if fields is None or "*" in fields:
        return document
    return prune(document, lambda name: any_covers(fields, name))
