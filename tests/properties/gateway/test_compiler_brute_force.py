"""A compiled filter selects the same records as evaluating every record.

Random filters over records that differ in every field. An exact compiled filter selects the same
records, any other at least those.
"""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false

import json
import os
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from portal_gateway.engine import compiler
from portal_gateway.filters import includes, predicates
from portal_gateway.filters import techniques as technique_filters
from portal_gateway.filters.parser import parse_search
from portal_gateway.filters.schema import DATASET, DOCUMENT, Entity
from portal_indexer import index_settings, search_documents
from portal_local.search.index.attributes import IndexRules
from portal_local.search.index.documents import facet_values
from portal_local.search.index.facets import Facets
from portal_local.search.index.settings import with_defaults
from portal_local.search.query.filter_evaluation import FilterEvaluator
from portal_local.search.query.filter_parameter import parse_filter
from portal_shared.contracts.records import Dataset, Document
from portal_shared.search import index_fields, techniques

FILTERS = int(os.environ.get("PORTAL_TEST_FILTERS", "2000"))
START = datetime(2020, 1, 1, tzinfo=UTC)
WORDS = ["Lung", "lung", "50%", "x.y", "a_b", "É", 'q"uote', "back\\slash", ""]
TERMS = ["PaNET01200", "PaNET01188", "PaNET01313", "PaNET01012", "PaNET01124", "PaNET00207",
         "http://purl.org/pan-science/PaNET/PaNET01333", "own", 'o"w\\n']  # fmt: skip
UNITS = {"energy": ["keV", "eV", "J"], "length": ["nm", "um", "Å"],
         "sample_temperature": ["K", "C"], "t_min": ["K"], "t_max": ["K", "florps"],
         "plain": [None, ""]}  # fmt: skip


def records() -> tuple[list[Dataset], list[Document]]:
    dice = random.Random(20261126)  # noqa: S311  # nothing secret
    datasets = [_dataset(dice, n) for n in range(50)]
    documents = [
        Document(
            pid=f"doc{n}",
            name="n",
            title=dice.choice(WORDS),
            summary=dice.choice([None, *WORDS]),
            profile="panosc",
            type=dice.choice(["publication", "Proposal"]),
            keywords=tuple(dice.sample(WORDS, 2)),
            start_date=dice.choice([None, START + timedelta(hours=n)]),
            members=[  # pyright: ignore[reportArgumentType]
                {"role": dice.choice([None, "author"]),
                 "person": dice.choice([None, {"id": "p1", "full_name": dice.choice(WORDS)}])}
                for _ in range(dice.randint(0, 2))
            ],
            parameters=_parameters(dice),  # pyright: ignore[reportArgumentType]
            datasets=tuple(d.pid for d in dice.sample(datasets, dice.randint(0, 3))),
        )
        for n in range(20)
    ]  # fmt: skip
    return datasets, documents


def _parameters(dice: random.Random) -> list[dict[str, Any]]:
    found = [
        {"name": name, "value": round(dice.uniform(1, 3), 1), "unit": dice.choice(units)}
        for name, units in UNITS.items()
        if dice.random() < 0.5
    ]
    if dice.random() < 0.4:
        found.append({"name": "energy", "value": dice.choice(["2", "high"]), "unit": None})
    return found


def _dataset(dice: random.Random, number: int) -> Dataset:
    machine = dice.choice(["BM05", "BM18", None])
    return Dataset.model_validate(
        {
            "pid": f"{dice.choice(['D', 'd', '10.1/D'])}{number}",
            "name": str(number),
            "title": " ".join(dice.choices(WORDS, k=2)),
            "profile": "panosc",
            "created": START + timedelta(hours=dice.randint(0, 9)),
            "size": dice.choice([None, 0, 1, 2, 2**60]),
            "document": dice.choice(["doc0", "doc1", None]),
            "keywords": dice.sample(WORDS, dice.randint(0, 2)),
            "techniques": [
                {"pid": t, "name": dice.choice(WORDS)}
                for t in dice.sample(TERMS, dice.randint(0, 3))
            ],
            "samples": [
                {"pid": f"s{n}", "name": dice.choice(WORDS)} for n in range(dice.randint(0, 2))
            ],
            "instrument": machine and {"pid": machine, "name": machine, "facility": "ESRF"},
            "parameters": _parameters(dice),
        }
    )


class Engine:
    """The engine's filters over packed records; and the rows as looking at them takes them."""

    def __init__(self, packed: list[dict[str, Any]]) -> None:
        self.rows = [
            {**json.loads(p["json"]), **json.loads(p["relations"])} for p in packed
        ]  # fmt: skip
        settings = index_settings.settings(index_fields.DOCUMENTS)
        filterable = {"filterableAttributes": settings["filterableAttributes"]}
        rules = IndexRules(with_defaults(filterable))
        facets = Facets()
        for number, one in enumerate(packed):
            facets.add(number, facet_values(one, rules))
        self._filtering = FilterEvaluator(facets, (1 << len(packed)) - 1, lambda _field, _op: None)

    def selected(self, text: str | None) -> set[int]:
        found = self._filtering.evaluate(parse_filter(text))
        return {n for n in range(len(self.rows)) if found >> n & 1}


@cache
def engines() -> dict[str, Engine]:
    datasets, documents = records()
    of_datasets = Engine([search_documents.build_dataset(d) for d in datasets])
    below = [[d for d in datasets if d.pid in o.datasets or d.document == o.pid] for o in documents]
    pairs = zip(documents, below, strict=True)
    of_documents = Engine([search_documents.build_document(o, datasets=b) for o, b in pairs])
    rows = {r["pid"]: r for r in of_datasets.rows}
    for row, listed in zip(of_documents.rows, below, strict=True):
        row["datasets"] = sorted((rows[d.pid] for d in listed), key=lambda r: r["pid"])
    return {"Dataset": of_datasets, "Document": of_documents}


@cache
def terms_by_name() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for row in engines()["Dataset"].rows:
        for tag in row["techniques"]:
            name = techniques.normalize_label(tag["name"])
            found[name] = found.get(name, frozenset()) | {techniques.term(tag["pid"])}
    return found


pick = st.sampled_from
words = pick([*WORDS, "D1", "publication", "BM18"])
numbers = pick([0, 1, 2, "2", 1.5, None, 2**60, 2**53, -1])
instants = st.integers(-1, 10).map(lambda h: (START + timedelta(hours=h)).isoformat())


def compared(values: Any) -> Any:
    """Every operator, with operands of a kind."""
    single = st.tuples(pick(["eq", "neq", "gt", "gte", "lt", "lte"]), values)
    several = st.tuples(
        pick(["inq", "nin"]), st.lists(values | st.just(None), max_size=3)
    )  # fmt: skip
    between = st.tuples(st.just("between"), st.tuples(values, values).map(list))
    presence = st.tuples(pick(["exists", "isnull"]), st.booleans())
    return (single | several | between | presence).map(lambda c: {c[0]: c[1]})


patterns = st.tuples(
    pick(["like", "ilike", "nlike", "nilike", "regexp"]),
    pick(["lung", "L%g", "a_b", "50%", "x.y", ""]),
)
patterns = patterns.map(lambda c: {c[0]: c[1]})
texts = words | compared(words) | patterns | st.none()


def leaf(entity: Entity) -> Any:
    kinds = {"string": texts, "strings": texts, "number": numbers | compared(numbers),
             "date": instants | compared(instants),
             "boolean": st.booleans() | st.fixed_dictionaries({"neq": st.booleans()})}  # fmt: skip
    conditions = [
        kinds[kind].map(lambda c, name=name: {name: c})
        for name, kind in entity.fields.items()
        if kind in kinds
    ]
    return st.one_of(*conditions, words.map(lambda w: {"text": w}))


def tree(leaves: Any, most: int = 5) -> Any:
    def joined(children: Any) -> Any:
        return st.tuples(pick(["and", "or"]), st.lists(children, max_size=3)).map(
            lambda t: {t[0]: t[1]}
        )

    return st.recursive(leaves, joined, max_leaves=most)


amounts = pick([1, 1.5, 2, "2", 2.2, 275, 0.002, 2e-9, 1500, "high", -1])
ranges = st.tuples(amounts, amounts).map(lambda a: {"between": list(a)})
conditions = (
    amounts
    | ranges
    | st.tuples(pick(["gt", "gte", "lt", "lte", "neq"]), amounts).map(lambda c: {c[0]: c[1]})
    | st.lists(amounts, max_size=2).map(lambda a: {"inq": a})
    | st.lists(amounts, max_size=2).map(lambda a: {"nin": a})
    | pick([{"like": "2"}, {"exists": True}, None])
)
name_of = pick([*UNITS, "t", "none such"])
units = pick(["keV", "eV", "J", "nm", "um", "Å", "K", "C", "celsius", "florps", ""])
quantity = tree(
    st.fixed_dictionaries(
        {},
        optional={
            "name": name_of | name_of.map(lambda n: {"neq": n}) | st.lists(name_of).map(
                lambda n: {"inq": n}),
            "value": conditions,
            "unit": units | units.map(lambda u: {"neq": u}),
        },
    ),
    most=3,
)  # fmt: skip
terms = pick(TERMS)
names = pick(["XES", "SAXS", "Lung", "lung technique", "unheard of"])
technique = tree(
    st.one_of(
        st.tuples(pick(["pid", "panetId"]), terms | compared(terms)).map(lambda c: {c[0]: c[1]}),
        (names | compared(names)).map(lambda c: {"name": c}),
        pick([{"name": {"like": "u"}}, {"name": {"nlike": "u"}}, {"text": "lung"}]),
    ),
    most=3,
)
sample = tree((words | compared(words) | patterns).map(lambda c: {"name": c}), most=3)
machine = tree((words | compared(words)).map(lambda c: {"name": c}), most=2)
people = tree((words | compared(words)).map(lambda c: {"fullName": c}), most=2)


def include(relation: str, where: Any, nested: Any = None) -> Any:
    scope = {"where": st.none() | where, **({"include": nested} if nested is not None else {})}
    return st.fixed_dictionaries({"relation": st.just(relation),
                                  "scope": st.fixed_dictionaries(scope)})  # fmt: skip


of_dataset = st.lists(
    st.one_of(
        include("techniques", technique),
        include("parameters", quantity),
        include("samples", sample),
        include("instrument", machine),
    ),
    max_size=3,
)
members = include(
    "members",
    tree((texts).map(lambda c: {"role": c}), most=2),
    st.lists(include("person", people), max_size=1),
)
of_document = st.lists(
    st.one_of(
        include("datasets", tree(leaf(DATASET), most=3), of_dataset),
        include("parameters", quantity),
        members,
    ),
    max_size=2,
)


def filters(entity: Entity, includes: Any) -> Any:
    where = st.none() | tree(leaf(entity))
    return st.fixed_dictionaries({"where": where, "include": includes})


def compared_with_brute_force(entity: Entity, raw_filter: dict[str, Any]) -> None:
    search = parse_search(entity, raw_filter)
    engine, known = engines()[entity.name], terms_by_name()
    names = {n: known[n] for n in technique_filters.queried_names(search.include) if n in known}
    compiled = compiler.compile_filter(search, names)
    expected = {
        n
        for n, row in enumerate(engine.rows)
        if predicates.satisfies(entity, search.where, row)
        and includes.select_relations(entity, row, search.include, names, in_list=True) is not None
    }
    found = set[int]() if compiled.nothing else engine.selected(compiled.text)
    if compiled.exact:
        assert found == expected, compiled.text
    else:
        assert found >= expected, compiled.text
    if compiled.certain:
        assert engine.selected(compiled.certain) <= expected, compiled.certain


many = settings(
    max_examples=FILTERS // 2,
    deadline=None,
    derandomize=FILTERS <= 10_000,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@many
@given(filters(DATASET, of_dataset))
def test_datasets_are_the_same_as_by_brute_force(raw_filter: dict[str, Any]) -> None:
    compared_with_brute_force(DATASET, raw_filter)


@many
@given(filters(DOCUMENT, of_document))
def test_documents_are_the_same_as_by_brute_force(raw_filter: dict[str, Any]) -> None:
    compared_with_brute_force(DOCUMENT, raw_filter)
