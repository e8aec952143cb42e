"""Routes for search, multi-search and facet search."""

import json

from portal_local.search import json_checks
from portal_local.search.api import payloads, query_params
from portal_local.search.api.endpoint import Answer, ApiRequest
from portal_local.search.api.indexes import valid_uid
from portal_local.search.errors import Failure
from portal_local.search.results import params
from portal_local.search.results.facet_counts import facet_hits
from portal_local.search.results.search import Search
from portal_local.search.tasks.engine import Engine


def search(engine: Engine, request: ApiRequest) -> Answer:
    if request.method == "GET":
        wanted = query_params.from_query(request.query)
    else:
        payloads.check_content_type(request.headers, payloads.JSON)
        wanted = params.parse_params(payloads.parse_json(request.body))
    with engine.lock:
        return 200, Search(engine.index(valid_uid(request.path["uid"])), wanted).answer()


def multi_search(engine: Engine, request: ApiRequest) -> Answer:
    """Returns the result of each query with the uid of its index, in the order of the queries."""
    payloads.check_content_type(request.headers, payloads.JSON)
    body = json_checks.mapping(payloads.parse_json(request.body), "", "bad_request")
    json_checks.refuse_unknown(body, ("queries", "federation"), "", "bad_request")
    if body.get("federation") is not None:
        raise Failure(
            "invalid_multi_search_federation",
            "Invalid value at `.federation`: the search stand-in does not support it.",
        )
    if "queries" not in body:
        raise Failure("bad_request", "Missing field `queries`")
    answers: list[str] = []
    for at, value in enumerate(json_checks.array(body["queries"], ".queries", "bad_request")):
        place = f".queries[{at}]"
        query = json_checks.mapping(value, place, "bad_request")
        if "indexUid" not in query:
            raise Failure("missing_index_uid", f"Missing field `indexUid` inside `{place}`")
        uid = valid_uid(query["indexUid"], f"{place}.indexUid")
        wanted = params.parse_params(query, place, ("indexUid",))
        try:
            with engine.lock:
                answer = Search(engine.index(uid), wanted).answer()
        except Failure as failure:
            message = f"Inside `{place}`: {failure.message}"
            raise Failure(failure.code, message) from failure
        answers.append(f'{{"indexUid":{json.dumps(uid)},{answer[1:]}')
    return 200, f'{{"results":[{",".join(answers)}]}}'


def facet_search(engine: Engine, request: ApiRequest) -> Answer:
    payloads.check_content_type(request.headers, payloads.JSON)
    body = json_checks.mapping(payloads.parse_json(request.body), "", "bad_request")
    if body.get("facetName") is None:
        raise Failure("missing_facet_search_facet_name", "Missing field `facetName`")
    name = json_checks.text(body["facetName"], ".facetName", "invalid_facet_search_facet_name")
    given = body.get("facetQuery")
    text = json_checks.text(given or "", ".facetQuery", "invalid_facet_search_facet_query")
    also = ("facetName", "facetQuery", "exhaustiveFacetCount")
    wanted = params.parse_params(body, "", also)
    with engine.lock:
        index = engine.index(valid_uid(request.path["uid"]))
        if not index.rules.settings["facetSearch"]:
            raise Failure("facet_search_disabled", "The facet search is disabled for this index")
        features = index.rules.features(name)
        if features is None or not features["facetSearch"]:
            raise Failure(
                "invalid_facet_search_facet_name",
                f"Attribute `{name}` is not facet-searchable. "
                "Available facet-searchable attributes patterns are: "
                f"`{', '.join(index.rules.filterable_patterns())}`. "
                "To make it facet-searchable add it to the `filterableAttributes` index settings.",
            )
        _, found = Search(index, wanted).matching_documents()
        hits = facet_hits(index.rules, index.facets, name, text, found)
    return 200, {"facetHits": hits, "facetQuery": given, "processingTimeMs": 0}
