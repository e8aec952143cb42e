"""How exactly a query matches a field whose text or settings changed."""

import json
from pathlib import Path
from typing import Any

from portal_local.search.results.params import parse_params
from portal_local.search.results.search import Search
from portal_local.search.tasks.engine import Engine

from tests.drivers.search.tasks import execute


def exactness(engine: Engine, query: str = "kidney") -> Any:
    """Returns how exactly a query matches the title of the only document."""
    details = {"q": query, "showRankingScoreDetails": True}
    [hit] = json.loads(Search(engine.index("i"), parse_params(details)).answer())["hits"]
    return hit["_rankingScoreDetails"]["exactness"]["matchType"]


def test_a_field_that_became_longer_is_not_the_whole_query_any_more(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    seen: list[Any] = []
    for text in ("kidney", "kidney of a donor", "kidney"):
        documents = [{"id": 1, "t": text}]
        parameters = {"documents": documents, "update": False, "primaryKey": "id"}
        execute(engine, "documentAdditionOrUpdate", **parameters)
        seen.append(exactness(engine))
    assert seen == ["exactMatch", "matchesStart", "exactMatch"]
    engine.close()


def test_a_text_that_is_split_in_another_way_has_another_length(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    documents = [{"id": 1, "t": "kidney left-lung"}]
    parameters = {"documents": documents, "update": False, "primaryKey": "id"}
    execute(engine, "documentAdditionOrUpdate", **parameters)
    assert exactness(engine, "kidney left lung") == "exactMatch"
    execute(engine, "settingsUpdate", settings={"nonSeparatorTokens": ["-"]})
    assert exactness(engine, "kidney left-lung") == "exactMatch"
    engine.close()
