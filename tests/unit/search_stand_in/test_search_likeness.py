"""Documents that are alike are ranked once: the results are those of ranking each by itself."""

import json
import random
from array import array
from pathlib import Path
from typing import Any

import pytest
from portal_local.search.bitmaps import bits, numbers_in
from portal_local.search.results.params import parse_params
from portal_local.search.results.search import Search
from portal_local.search.tasks.engine import Engine
from portal_local.search.words import likeness
from portal_local.search.words.postings import Posting

from tests.drivers.search.tasks import execute

TEXTS = ("left lung", "lung of the left side", "lungs", "a left kidney", "lung", "left", "lunge")
QUERIES = ("lung", "left lung", "lung left", "lun", '"left lung"', '"left" "lung"', "leftlung lunk")


def made_postings(words: int, chance: random.Random) -> list[dict[int, bytes]]:
    forms = [array("I", [place]).tobytes() for place in range(3)]
    return [
        {number: chance.choice(forms) for number in range(400) if chance.random() < 0.8}
        for _ in range(words)
    ]


@pytest.mark.parametrize("words", [1, 3, 40])
def test_groups_have_each_document_once_beside_its_equals(words: int) -> None:
    chance = random.Random(words)  # noqa: S311  # repeatable, not secret
    places = made_postings(words, chance)
    mark = sum(1 << number for number in range(0, 400, 7))
    found = sum(1 << number for number in range(400) if number % 3)
    postings = [Posting(listed.items()) for listed in places]
    seen = 0
    for one, members in likeness.groups(found, postings, [mark]):
        group = bits(members)
        assert group >> one & 1
        assert not group & seen
        seen |= group
        for other in numbers_in(group):
            assert mark >> one & 1 == mark >> other & 1
            assert [p.get(one) for p in places] == [p.get(other) for p in places]
    assert seen == found


def test_equal_documents_are_one_group() -> None:
    postings = [Posting((number, b"\1\0\0\0") for number in range(200))]
    assert len(list(likeness.groups((1 << 200) - 1, postings))) == 1


@pytest.mark.parametrize("query", QUERIES)
def test_ranking_is_the_same_without_groups(
    tmp_path: Path, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)  # noqa: S311
    documents = [
        {"id": number, "t": chance.choice(TEXTS), "u": chance.choice(TEXTS), "n": number % 50}
        for number in range(300)
    ]
    engine = Engine(tmp_path)
    try:
        chosen = {"rankingRules": ["words", "typo", "attribute", "proximity", "exactness", "n:asc"]}
        execute(engine, "settingsUpdate", settings={**chosen, "sortableAttributes": ["n"]})
        execute(engine, "documentAdditionOrUpdate", documents=documents, update=False)
        grouped = ranking(engine, query)
        monkeypatch.setattr(likeness, "MIN_DOCUMENTS", 1000)
        assert ranking(engine, query) == grouped
    finally:
        engine.close()


def ranking(engine: Engine, query: str) -> list[Any]:
    wanted = {"q": query, "limit": 300, "showRankingScore": True}
    answer = json.loads(Search(engine.index("i"), parse_params(wanted)).answer())
    assert answer["hits"]
    return [(hit["id"], hit["_rankingScore"]) for hit in answer["hits"]]
