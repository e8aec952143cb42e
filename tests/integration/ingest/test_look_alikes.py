"""Names that ICAT's database takes for one: what was sent is what ICAT has, or it is refused."""

from typing import Any

import icat
import pytest

from tests.builders import dataset_part, job
from tests.drivers import plain_http
from tests.drivers.services.ingest import Ingest, results

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def with_parameters(name: str, *more: dict[str, Any]) -> dict[str, Any]:
    part = dataset_part(name)
    return {**part, "parameters": [*part["parameters"], *more]}


def units(catalogue: icat.Client, dataset: str, name: str) -> dict[str, str | None]:
    """Returns the unit of those parameters of a dataset that begin with a name, by their names."""
    rows = catalogue.search(
        f"SELECT p FROM DatasetParameter p WHERE p.dataset.name = '{dataset}' INCLUDE p.type"  # noqa: S608
    )
    found = {row.type.name: row.type.units for row in rows}
    return {n: unit for n, unit in found.items() if n.casefold().startswith(name)}


async def test_units_that_differ_in_case_are_stored_as_they_were_sent(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    milli = with_parameters("milli", {"name": "pressure", "value": 5, "unit": "mPa"})
    mega = with_parameters("mega", {"name": "pressure", "value": 5, "unit": "MPa"})
    for number in range(2):  # the second time from ICAT, the cache is that of one ingest
        answer = await ingest.run(job(milli, mega, job_id=f"j{number}"))
        assert answer.result == "done"
    [(first, unit)] = units(catalogue, "milli", "pressure").items()
    assert unit == "mPa"
    [(second, unit)] = units(catalogue, "mega", "pressure").items()
    assert unit == "MPa"
    assert second.partition(" ~")[0] == first


async def test_parameters_of_one_dataset_may_differ_in_case(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    both = ({"name": "gain", "value": 1}, {"name": "Gain", "value": 2})
    answer = await ingest.run(job(with_parameters("d", *both), profile="panosc"))
    assert answer.result == "done"
    names = {name.partition(" ~")[0] for name in units(catalogue, "d", "gain")}
    assert names == {"gain", "Gain"}


async def test_a_sample_is_not_taken_for_its_look_alike(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    names = {"first": "S-one", "second": "s-ÖNE"}
    parts = [dataset_part(n, samples=[{"pid": s, "name": s}]) for n, s in names.items()]
    assert (await ingest.run(job(*parts))).result == "done"
    samples = catalogue.search("SELECT s.name FROM Sample s ORDER BY s.id")
    assert samples[0] == "S-one"
    assert samples[1].startswith("s-ÖNE ~")


async def test_a_dataset_whose_name_differs_in_case_only_is_refused_in_words(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    answer = await ingest.run(job(dataset_part("CD_left"), dataset_part("cd_LEFT")))
    assert results(answer)["CD_left"] == "registered"
    for take_over in (False, True):
        again = job(dataset_part("cd_LEFT"), job_id=f"t{take_over}", take_over=take_over)
        answer = await ingest.run(again)
        [problem] = [p for o in answer.outcomes for p in o.problems]
        assert problem.field == "datasets[0].name"
        assert "'CD_left'" in problem.reason
        assert "take_over" not in problem.reason
    [found] = catalogue.search("SELECT d FROM Dataset d")
    assert (found.name, found.description) == ("CD_left", "Volume CD_left")


async def test_another_record_of_the_portal_is_never_taken_over(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    await ingest.run(job(dataset_part("d", pid="first"), job_id="j1"))
    for take_over in (False, True):
        other = dataset_part("d", pid="second", title="Other")
        answer = await ingest.run(job(other, job_id=f"t{take_over}", take_over=take_over))
        [problem] = [p for o in answer.outcomes for p in o.problems]
        assert "'first'" in problem.reason
        assert "take_over" not in problem.reason
    [found] = catalogue.search("SELECT d FROM Dataset d")
    assert found.description == "Volume d"


@pytest.mark.parametrize("other", ["d", "D "])
async def test_a_dataset_that_moves_to_where_its_name_is_taken_is_refused_in_words(
    ingest: Ingest, catalogue: icat.Client, other: str
) -> None:
    await ingest.run(job(dataset_part("d", pid="first", proposal="md1"), job_id="j1"))
    await ingest.run(job(dataset_part(other, pid="second", proposal="md2"), job_id="j2"))
    moved = dataset_part(other, pid="second", proposal="md1")
    for take_over in (False, True):
        answer = await ingest.run(job(moved, job_id=f"t{take_over}", take_over=take_over))
        [problem] = [p for o in answer.outcomes for p in o.problems]
        assert problem.field == "datasets[0].name"
        assert "ICAT already has a dataset 'd' in the same investigation" in problem.reason
    rows = catalogue.search("SELECT d.complete, d.investigation.name FROM Dataset d ORDER BY d.id")
    assert [tuple(row) for row in rows] == [(True, "md1"), (True, "md2")]


async def test_techniques_of_one_name_are_one_technique_of_a_dataset(
    ingest: Ingest, catalogue: icat.Client
) -> None:
    techniques = [{"pid": f"x:{n}", "name": name} for n, name in enumerate(("CT", "CT", "ct"))]
    answer = await ingest.run(job(dataset_part("d", techniques=techniques), profile="panosc"))
    assert answer.result == "done"
    names = catalogue.search("SELECT t.technique.name FROM DatasetTechnique t ORDER BY t.id")
    assert [name.partition(" ~")[0] for name in names] == ["CT", "ct"]


@pytest.mark.parametrize("names", [("README.txt", "Readme.txt", "a.txt"), ("a", "a ", "A")])
async def test_files_that_are_look_alikes_are_all_in_icat(
    ingest: Ingest, catalogue: icat.Client, names: tuple[str, ...]
) -> None:
    files = [ingest.file("f", name, b"x") for name in names]
    answer = await ingest.run(job(dataset_part("d", folder="f", files=files)))
    assert answer.result == "done"
    found = {f.location: f.name for f in catalogue.search("SELECT f FROM Datafile f")}
    assert found.keys() == {f"f/{name}" for name in names}
    own = {name.rpartition(" ~")[0] or name for name in found.values()}
    assert own == set(names)


async def test_a_lock_of_the_database_is_waited_for(ingest: Ingest, icat_url: str) -> None:
    reason = (
        "Unexpected DB response class MySQLTransactionRollbackException: Lock wait timeout exceeded"
    )
    lock = {"fault": "error", "operation": "create", "count": 3, "message": reason}
    async with plain_http.async_client() as client:
        (await client.post(f"{icat_url}/_faults", json={"faults": [lock]})).raise_for_status()
    answer = await ingest.run(job(dataset_part("d")))
    assert answer.result == "done"
