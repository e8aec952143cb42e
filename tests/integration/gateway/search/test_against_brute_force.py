"""Every answer is what looking at every record gives: random filters over random records."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from portal_gateway.filters import includes, predicates
from portal_gateway.filters.parser import parse_search
from portal_gateway.filters.schema import DATASET, DOCUMENT, Entity
from portal_gateway.search import pagination
from portal_indexer import filter_fields, search_documents
from portal_shared.contracts.events import DatasetRegistered, DocumentRegistered
from portal_shared.contracts.records import Dataset, Document

from tests.drivers.portal import Portal

FILTERS = 100
SEED = 20261123
TERMS = ["PaNET01200", "PaNET01188", "PaNET01313", "PaNET01012", "PaNET01124", "PaNET00207", "own"]
WORDS = [
    "Lung",
    "lung",
    "heart",
    "hearts",
    "lungs",
    "50%",
    "x.y",
    "a_b",
    "É",
    'q"uote',
    "back\\slash",
]
PATTERNS = [*WORDS, "ung", "%lu%rt%", "heart_", "LUNG heart", "%"]
ENERGY, LENGTH = ["keV", "eV", "J"], ["nm", "um", "Å"]
UNITS = {"energy": ENERGY, "length": LENGTH, "t_min": ["K"], "t_max": ["K"], "voxel_size": LENGTH}
QUANTITIES = [("energy", ENERGY), ("length", LENGTH), ("t", ["K"]), ("voxel_size", LENGTH)]
FIELDS = ("title", "keywords", "size", "creationDate", "pid", "type")
START = datetime(2020, 1, 1, tzinfo=UTC)


class Made:
    """Records and filters, all from one seed."""

    def __init__(self) -> None:
        self.dice = random.Random(SEED)  # noqa: S311  # nothing secret

    def words(self, most: int) -> str:
        return " ".join(self.dice.choices(WORDS, k=self.dice.randint(1, most)))

    def dataset(self, number: int) -> Dataset:
        pick = self.dice.choice
        parameters = [
            {"name": name, "value": round(self.dice.uniform(1, 3), 1), "unit": pick(units)}
            for name, units in UNITS.items()
            if self.dice.random() < 0.6
        ]
        if self.dice.random() < 0.4:
            parameters.append({"name": "energy", "value": pick(["2", "high"]), "unit": None})
        if self.dice.random() < 0.3:  # two rows of one name
            value = round(self.dice.uniform(1, 3), 1)
            parameters.append({"name": "length", "value": value, "unit": pick(LENGTH)})
        machine = pick(["BM05", "BM18", None])
        return Dataset.model_validate(
            {
                "pid": f"{pick(['D', 'd', '10.1/D'])}{number}",
                "name": str(number),
                "title": self.words(3),
                "profile": "panosc",
                "created": START + timedelta(hours=self.dice.randint(0, 9)),
                "size": pick([None, 1, 2, 2**60]),
                "document": pick(["doc0", "doc1", "doc2", None]),
                "keywords": self.dice.sample(WORDS, self.dice.randint(0, 2)),
                "techniques": [
                    {"pid": t, "name": pick(WORDS)}
                    for t in self.dice.sample(TERMS, self.dice.randint(0, 3))
                ],
                "samples": [{"pid": "s1", "name": pick(WORDS)}] if number % 3 else [],
                "instrument": machine and {"pid": machine, "name": machine, "facility": "ESRF"},
                "parameters": parameters,
            }
        )

    def leaf(self, entity: Entity) -> dict[str, Any]:
        pick = self.dice.choice
        if self.dice.random() < 0.1:
            return {"text": pick(PATTERNS)}
        known = [
            f
            for f in ("title", "keywords", "size", "creationDate", "pid", "type")
            if f in entity.fields
        ]
        name = pick(known)
        if name == "size":
            value: Any = pick([1, 2, "2", None, 2**60])
            op = pick(["eq", "neq", "gt", "lte", "inq", "nin"])
        elif name == "creationDate":
            value = (START + timedelta(hours=self.dice.randint(0, 9))).isoformat()
            op = pick(["eq", "gt", "lt", "gte", "neq"])
        else:
            value = pick([*WORDS, "D1", "publication"])
            op = pick(["eq", "neq", "like", "nlike", "nilike", "ilike", "inq", "nin", "gt"])
            value = pick(PATTERNS) if "like" in op else value
        return {name: {op: [value, value] if op in ("inq", "nin") else value}}

    def where(self, entity: Entity, levels: int = 2) -> dict[str, Any]:
        if levels == 0 or self.dice.random() < 0.4:
            return self.leaf(entity)
        parts = [self.where(entity, levels - 1) for _ in range(self.dice.randint(0, 3))]
        return {self.dice.choice(["and", "or"]): parts}

    def quantity(self) -> dict[str, Any]:
        pick = self.dice.choice
        name, units = pick(QUANTITIES)
        low = round(self.dice.uniform(1, 3), 1)
        value = pick([low, {"between": [low, low + 1]}, {"gte": str(low)}, {"lt": low},
                      {"gt": low, "lte": low + 0.5}, {"neq": low}, {"like": "2"},
                      {"inq": [low, "high"]}])  # fmt: skip
        parts: list[Any] = [{"name": name}, {"value": value}]
        if self.dice.random() < 0.7:
            parts.append({"unit": pick([*units, "florps"])})
        return pick([{"and": parts}, {"and": parts}, {"or": [{"and": parts}, {"name": "t_min"}]}])

    def technique(self, levels: int = 1) -> dict[str, Any]:
        pick = self.dice.choice
        if levels and self.dice.random() < 0.4:
            return {pick(["and", "or"]): [self.technique(0), self.technique(0)]}
        op = pick(["eq", "eq", "neq", "inq", "nin"])
        value = pick(TERMS)
        return {"pid": {op: [value, pick(TERMS)] if op in ("inq", "nin") else value}}

    def includes(self) -> list[Any]:
        choices: dict[str, Any] = {
            "techniques": self.technique,
            "parameters": self.quantity,
            "samples": lambda: {"name": self.dice.choice(WORDS)},
            "instrument": lambda: {"name": {self.dice.choice(["eq", "neq"]): "BM18"}},
        }
        picked = self.dice.sample(sorted(choices), self.dice.randint(0, 2))
        return [{"relation": r, "scope": {"where": choices[r]()}} for r in picked]

    def filter(self, entity: Entity) -> dict[str, Any]:
        made: dict[str, Any] = {"where": self.where(entity)} if self.dice.random() < 0.6 else {}
        if entity is DATASET:
            return {**made, "include": self.includes()}
        scope: dict[str, Any] = {"include": self.includes()}
        if self.dice.random() < 0.4:
            scope["where"] = self.where(DATASET, 1)
        return {**made, "include": [{"relation": "datasets", "scope": scope}]}


def row(packed: dict[str, Any]) -> dict[str, Any]:
    return {**json.loads(packed["json"]), **json.loads(packed["relations"])}


def brute_force(entity: Entity, raw: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    search = parse_search(entity, raw)
    return [
        r["pid"]
        for r in sorted(rows, key=lambda r: r["pid"])
        if predicates.satisfies(entity, search.where, r)
        and includes.select_relations(entity, r, search.include, {}, in_list=True) is not None
    ]


@pytest.mark.parametrize(
    ("few", "release", "filters"),
    [(pagination.MAX_UNDECIDED_DOCUMENTS, "", FILTERS), (0, "", FILTERS), (20, "earlier", 30)],
    ids=["as they are", "by way of the datasets", "before records are sent again"],
)
async def test_answers_are_those_of_looking_at_every_record(
    few: int, release: str, filters: int, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_UNDECIDED_DOCUMENTS", few)
    if release:  # indexed by a release that had the parameters in other fields
        monkeypatch.setattr(filter_fields, "parameter_values", lambda _rows: {})
        monkeypatch.setattr(filter_fields, "layout_mark", dict)
    made = Made()
    datasets = [made.dataset(n) for n in range(40)]
    documents = [
        Document(pid=f"doc{n}", name="n", title=made.words(2), profile="panosc",
                 type="publication", datasets=tuple(d.pid for d in datasets[n::7][:3]))
        for n in range(4)
    ]  # fmt: skip
    documents += [  # with one dataset each: what is true of them is true of it
        Document(pid=f"solo{n}", name="n", title=made.words(2), profile="panosc",
                 type="publication", datasets=(datasets[n].pid,))
        for n in range(8)
    ]  # fmt: skip
    await portal.publish(DatasetRegistered(dataset=d, version=1) for d in datasets)
    await portal.publish(DocumentRegistered(document=d, version=1) for d in documents)
    await portal.wait_indexed()
    dataset_rows = {d.pid: row(search_documents.build_dataset(d)) for d in datasets}
    document_rows = [row(search_documents.build_document(d)) for d in documents]
    for received in document_rows:
        listed = next(d.datasets for d in documents if d.pid == received["pid"])
        received["datasets"] = [dataset_rows[d.pid] for d in sorted(datasets, key=lambda d: d.pid)
                            if d.pid in listed or d.document == received["pid"]]  # fmt: skip
    found = 0
    for _ in range(filters):
        for entity, rows in ((DATASET, list(dataset_rows.values())), (DOCUMENT, document_rows)):
            raw_filter = made.filter(entity)
            expected = brute_force(entity, raw_filter, rows)
            answer = await portal.get(f"/api/{entity.name}s", filter=raw_filter)
            assert answer.status_code == 200, (raw_filter, answer.text)
            assert [r["pid"] for r in answer.json()] == expected, raw_filter
            page = await portal.get(
                f"/api/{entity.name}s", filter={**raw_filter, "skip": 3, "limit": 2}
            )
            assert [r["pid"] for r in page.json()] == expected[3:5], raw_filter
            assert page.headers["x-total-count"] == str(len(expected)), raw_filter
            counted = await portal.get(f"/api/{entity.name}s/count", filter=raw_filter)
            assert counted.json() == {"count": len(expected)}, raw_filter
            found += bool(expected)
    assert found > filters / 2
