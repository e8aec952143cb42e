"""What queries find, written by hand and by python-icat's own Query."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import icat
import pytest
from icat.query import Query

from tests.drivers.icat import Archive, IcatSimulator


@pytest.fixture(scope="module")
def organs(client: icat.Client) -> Archive:
    """Three volumes, of two samples and of none, with ages and files."""
    archive = Archive(client)
    age = archive.parameter_type("age", units="a")
    note = archive.parameter_type("note", "STRING")
    samples = [
        archive.make("Sample", name=name, investigation=archive.investigation)
        for name in ("LADAF-2020", "LADAF-2021")
    ]
    for index, name in enumerate(("brain", "heart", "lung")):
        volume = archive.dataset(
            name,
            complete=name == "heart",
            startDate=datetime(2024, index + 1, 1, tzinfo=UTC),
            sample=samples[index] if index < 2 else None,
        )
        volume.parameters = [archive.parameter(age, numericValue=60.0 + index)]
        if name == "brain":
            volume.parameters.append(archive.parameter(note, stringValue="100%_o'hare\\"))
        volume.datafiles = [
            archive.new("Datafile", name=f"{i}.jp2", fileSize=10 * i + 1) for i in range(index)
        ]
        volume.create()
    return archive


ALL = ["brain", "heart", "lung"]


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("o.name = 'heart'", ["heart"]),
        ("o.name <> 'heart'", ["brain", "lung"]),
        ("o.name != 'heart' AND NOT o.name = 'lung'", ["brain"]),
        ("o.name = 'heart' OR o.name = 'lung' AND o.complete = TRUE", ["heart"]),
        ("(o.name = 'heart' OR o.name = 'lung') AND o.complete = FALSE", ["lung"]),
        ("o.complete = true", ["heart"]),
        ("o.name IN ('brain', 'lung', 'toe')", ["brain", "lung"]),
        ("o.name NOT IN ('brain', 'lung')", ["heart"]),
        ("o.name LIKE '%r%'", ["brain", "heart"]),
        ("o.name LIKE 'H%'", ["heart"]),
        ("UPPER(o.name) LIKE 'H%'", ["heart"]),
        ("o.name NOT LIKE '_____'", ["lung"]),
        ("LENGTH(o.name) = 5", ["brain", "heart"]),
        ("CONCAT(o.name, '-', LOWER('X')) = 'lung-x'", ["lung"]),
        ("TRIM('  lung ') = o.name", ["lung"]),
        ("o.name BETWEEN 'c' AND 'i'", ["heart"]),
        ("o.name NOT BETWEEN 'c' AND 'i'", ["brain", "lung"]),
        ("o.sample IS NULL", ["lung"]),
        ("o.sample IS NOT NULL", ["brain", "heart"]),
        ("o.sample.name = 'LADAF-2021'", ["heart"]),
        ("o.sample.id IS NULL", ["lung"]),
        ("o.sample.investigation.visitId = 'bm18'", ["brain", "heart"]),
        ("o.datafiles IS EMPTY", ["brain"]),
        ("o.datafiles IS NOT EMPTY", ["heart", "lung"]),
        ("o.startDate >= {ts 2024-02-01 00:00:00}", ["heart", "lung"]),
        ("o.startDate < '2024-02-01'", ["brain"]),
        ("o.startDate BETWEEN '2024-01-15 00:00:00' AND '2024-02-15 00:00:00+00:00'", ["heart"]),
        ("o.startDate > CURRENT_TIMESTAMP", []),
        ("o.createId = :user", ALL),
        ("o.fileSize = 0 AND ABS(-1) = 1 AND o.id > -5 AND 1 + 2 * 3 = 7", ALL),
        ("o.name = 'x'' OR ''1''=''1'", []),
    ],
)
def test_conditions_choose_datasets(organs: Archive, condition: str, names: list[str]) -> None:
    query = f"SELECT o FROM Dataset o WHERE o.investigation.id = {{inv}} AND ({condition})"  # noqa: S608
    assert [found.name for found in organs.search(f"{query} ORDER BY o.name")] == names


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("SELECT COUNT(o) FROM Dataset o WHERE {in}", [3]),
        ("SELECT COUNT(o) FROM Dataset o WHERE {in} AND o.name = 'toe'", [0]),
        ("SELECT COUNT(DISTINCT o.type) FROM Dataset o WHERE {in}", [1]),
        ("SELECT COUNT(DISTINCT(o.complete)) FROM Dataset o WHERE {in}", [2]),
        ("SELECT MAX(p.numericValue) FROM Dataset o JOIN o.parameters p WHERE {in}", [62.0]),
        ("SELECT AVG(p.numericValue) FROM Dataset o JOIN o.parameters p WHERE {in}", [61.0]),
        ("SELECT SUM(f.fileSize) FROM Dataset o JOIN o.datafiles AS f WHERE {in}", [13]),
        ("SELECT MIN(o.name), MAX(o.name) FROM Dataset o WHERE {in}", [("brain", "lung")]),
        ("SELECT MAX(o.name) FROM Dataset o WHERE {in} AND o.name = 'toe'", []),
        ("SELECT DISTINCT o.complete FROM Dataset o WHERE {in} ORDER BY o.complete", [False, True]),
        (("SELECT o.name, s.name FROM Dataset o LEFT JOIN o.sample s WHERE {in} AND o.name > 'c'"
          " ORDER BY s.name DESC"), [("heart", "LADAF-2021"), ("lung", None)]),
        ("SELECT s.name FROM Dataset o LEFT JOIN o.sample s WHERE {in} ORDER BY o.name",
         ["LADAF-2020", "LADAF-2021"]),
        ("SELECT o.name FROM Dataset o WHERE {in} ORDER BY o.sample.name", ["brain", "heart"]),
        ("SELECT o.name FROM Dataset o JOIN o.datafiles f WHERE {in} ORDER BY f.fileSize, o.name",
         ["heart", "lung", "lung"]),
        ("SELECT o.name FROM Dataset o WHERE {in} ORDER BY o.name DESC LIMIT 1, 1", ["heart"]),
        ("SELECT o.name FROM Dataset o WHERE {in} LIMIT 3, 5", []),
        (("SELECT o.name FROM Dataset AS o INNER JOIN o.parameters AS p JOIN p.type AS pt"
          " WHERE {in} AND pt.name = 'age' AND p.numericValue >= 6.1e1 ORDER BY o.name"),
         ["heart", "lung"]),
        (("SELECT p.stringValue FROM DatasetParameter p JOIN p.dataset o WHERE {in}"
          " AND p.stringValue LIKE '100!%!_o''%' ESCAPE '!'"), ["100%_o'hare\\"]),
        (("SELECT pt.name FROM ParameterType pt WHERE pt.facility.id = {fac}"
          " AND pt.valueType = org.icatproject.ParameterValueType.STRING"), ["note"]),
        (("SELECT pt.valueType FROM ParameterType pt WHERE pt.facility.id = {fac}"
          " AND pt.valueType = org.icatproject.ParameterValueType.NUMERIC"), ["NUMERIC"]),
        ("Dataset.name ORDER BY name [investigation.id = {inv}]", ["brain", "heart", "lung"]),
        ("1,1 Dataset.name ORDER BY name [investigation.id = {inv}]", ["heart"]),
        (",2 Dataset.name ORDER BY name [investigation.id = {inv}]", ["brain", "heart"]),
        ("DISTINCT Dataset.complete ORDER BY complete DESC <-> Investigation [id = {inv}]",
         [True, False]),
        ("COUNT(Dataset) <-> Investigation [id = {inv}] <-> Sample [name = 'LADAF-2020']", [1]),
        ("MAX(Datafile.fileSize) [name LIKE '%.jp2'] <-> Investigation [id = {inv}]", [11]),
        ("Sample.name <-> Dataset [name = 'heart' AND investigation.id = {inv}]", ["LADAF-2021"]),
    ],
)  # fmt: skip
def test_queries_answer_values(organs: Archive, query: str, answer: list[Any]) -> None:
    query = query.replace("{in}", "o.investigation.id = {inv}")
    query = query.replace("{fac}", str(organs.facility.id))
    assert organs.search(query) == answer


def test_dates_and_texts_that_look_like_dates_keep_their_type(organs: Archive) -> None:
    organs.make(
        "Publication", investigation=organs.investigation, fullReference="2019-12-31", url="1"
    )
    assert organs.search(
        "SELECT p.fullReference FROM Publication p WHERE p.investigation.id = {inv}"
    ) == ["2019-12-31"]
    started = (
        "SELECT o.startDate FROM Dataset o WHERE o.investigation.id = {inv} AND o.name = 'lung'"
    )
    assert organs.search(started) == [datetime(2024, 3, 1, tzinfo=UTC)]


def test_include_adds_only_the_given_relations(organs: Archive) -> None:
    query = "SELECT o FROM Dataset o WHERE o.investigation.id = {inv} AND o.name = 'lung'"
    (plain,) = organs.search(query)
    assert plain.type is None
    assert plain.datafiles == []
    (ones,) = organs.search(f"{query} INCLUDE 1")
    assert ones.type.name == "processed"
    assert ones.sample is None
    assert ones.datafiles == []
    (deep,) = organs.search(
        f"{query} INCLUDE o.investigation.facility AS f, f.datasetTypes LIMIT 0, 9"
    )
    assert [kind.name for kind in deep.investigation.facility.datasetTypes] == ["processed"]
    (old,) = organs.search(
        "Dataset INCLUDE Datafile, Investigation, Facility [name = 'lung']"
        " <-> Investigation [id = {inv}]"
    )
    assert len(old.datafiles) == 2
    assert old.investigation.facility.id == organs.facility.id
    got = organs.client.get("Dataset ds INCLUDE ds.parameters AS p, p.type", plain.id)
    assert [parameter.type.name for parameter in got.parameters] == ["age"]
    got = organs.client.get("Dataset INCLUDE Datafile", plain.id)
    assert len(got.datafiles) == 2


def test_queries_built_by_python_icat_are_accepted(organs: Archive) -> None:
    query = Query(
        organs.client,
        "Dataset",
        conditions={
            "investigation.id": f"= {organs.investigation.id}",
            "parameters.type.name": "= 'age'",
            "parameters.numericValue": [">= 61", "< 63"],
            "UPPER(name)": "LIKE '%T%'",
        },
        includes=["parameters.type", "sample"],
        order=[("startDate", "DESC"), "name"],
    )
    (found,) = organs.client.search(query)
    assert found.name == "heart"
    assert found.sample.name == "LADAF-2021"
    assert found.parameters[0].type.units == "a"
    key = organs.new("Dataset", name="heart", investigation=organs.investigation)
    assert organs.client.searchMatching(key).id == found.id


def test_large_answers_come_in_chunks(organs: Archive) -> None:
    query = Query(
        organs.client,
        "Dataset",
        conditions={"investigation.id": f"= {organs.investigation.id}"},
        order=["id"],
    )
    found = organs.client.searchChunked(query, chunksize=2)
    assert [dataset.name for dataset in found] == ["brain", "heart", "lung"]


def test_an_answer_above_the_limit_is_refused(start: Callable[..., IcatSimulator]) -> None:
    archive = Archive(start("--max-entities", "3").client())
    archive.client.createMany([archive.dataset(name) for name in "abc"])
    names = "SELECT o.name FROM Dataset o"
    assert len(archive.search(names)) == 3
    with pytest.raises(icat.ICATValidationError, match="attempt to return more than 3 entities"):
        archive.search("SELECT o FROM Dataset o INCLUDE o.type")
    archive.dataset("d").create()
    with pytest.raises(icat.ICATValidationError, match="attempt to return more than 3 entities"):
        archive.search(names)
    assert len(archive.search(f"{names} LIMIT 1, 3")) == 3


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SELECT o FROM Organ o",
        "SELECT o.size FROM Dataset o",
        "SELECT x.name FROM Dataset o",
        "SELECT o FROM Dataset o WHERE",
        "SELECT o FROM Dataset o WHERE o.name",
        "SELECT o FROM Dataset o WHERE o.name = 'x",
        "SELECT o FROM Dataset o WHERE o.name = heart",
        "SELECT o FROM Dataset o WHERE o.datafiles = 1",
        "SELECT o FROM Dataset o WHERE o.complete",
        "SELECT p FROM ParameterType p WHERE p.valueType = STRING",
        "SELECT p FROM ParameterType p WHERE p.valueType = ParameterValueType.STRING",
        "SELECT p FROM ParameterType p WHERE p.valueType = org.icatproject.core.entity.X.STRING",
        "SELECT p FROM ParameterType p WHERE p.valueType = org.icatproject.ParameterValueType.NONE",
        "SELECT o FROM Dataset o WHERE o.startDate > 5",
        "SELECT o FROM Dataset o WHERE o.name IS EMPTY",
        "SELECT o FROM Dataset o WHERE COUNT(o) = 1",
        "SELECT o FROM Dataset o WHERE SLEEP(1) = 1",
        "SELECT o FROM Dataset o WHERE o.id = 99999999999999999999",
        "SELECT o FROM Dataset o WHERE o.name LIKE 'a' ESCAPE 'bc'",
        "SELECT o FROM Dataset o WHERE o.name = 'a'; DROP TABLE Dataset",
        "SELECT o FROM Dataset o INCLUDE o",
        "SELECT o FROM Dataset o INCLUDE o.name",
        "SELECT o FROM Dataset o INCLUDE o.type, o.type",
        "SELECT o.name FROM Dataset o INCLUDE o.type",
        "SELECT o FROM Dataset o LIMIT 5",
        "SELECT o FROM Dataset o LEFT WHERE o.id = 1",
        "SELECT o FROM Dataset o JOIN o.name n",
        "SELECT o FROM Dataset o JOIN o.type o",
        "SELECT o.name, COUNT(o) FROM Dataset o",
        f"Dataset [{'(' * 500}id = 1{')' * 500}]",
        f"Dataset [{'UPPER(' * 500}name{')' * 500} = 'A']",
        f"Dataset [id = {'1 + ' * 3000}1]",
        f"Dataset [{' AND '.join(['id = 1'] * 2000)}]",
        "Dataset INCLUDE Rule",
        "Dataset <-> PublicStep",
        "Dataset [name = 'x'",
    ],
)  # fmt: skip
def test_an_invalid_query_is_a_bad_parameter(client: icat.Client, query: str) -> None:
    with pytest.raises(icat.ICATParameterError) as refused:
        client.search(query)
    assert refused.value.message


@pytest.mark.parametrize(
    "condition",
    [
        "o.dataset.startDate > 'yesterday'",
        "o.dataset.startDate = '2024-01-01T00:00:00Z'",
        "o.type.valueType = 'STRING'",
    ],
)
def test_text_of_another_kind_is_an_internal_error_as_in_icat(
    client: icat.Client, condition: str
) -> None:
    with pytest.raises(icat.ICATInternalError, match="Exception Description"):
        client.search(f"SELECT o FROM DatasetParameter o WHERE {condition}")  # noqa: S608
