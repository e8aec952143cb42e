"""Questions of experts, answered from the published metadata of the Human Organ Atlas."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from portal_shared.contracts.events import DatasetRegistered, Event
from portal_shared.contracts.jobs import DatasetIn

from tests.drivers.portal import Portal
from tests.integration.gateway import atlas_corpus
from tests.integration.gateway.loaded_atlas import LOAD_SECONDS, load_atlas
from tests.integration.gateway.search import reader_questions

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(LOAD_SECONDS)]
DONOR = "LADAF-2021-17"


def remembered() -> list[Event]:
    """A record with a disease that the Atlas lacks."""
    history = {"name": "medical_history", "value": "Alzheimer disease"}
    one = DatasetIn(name="test-brain", title="Brain", created=datetime(2021, 1, 1, tzinfo=UTC),
                    parameters=[history])  # pyright: ignore[reportArgumentType]  # fmt: skip
    return [DatasetRegistered(dataset=atlas_corpus.dataset(one, "none"), version=1)]


@pytest.fixture(scope="module")
def answers() -> dict[str, set[str]]:
    return reader_questions.answers()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(shared_portal: Portal, tmp_path_factory: pytest.TempPathFactory) -> Portal:
    settings = shared_portal.indexer.state.service.settings
    await load_atlas(settings, tmp_path_factory.getbasetemp())
    await shared_portal.publish(remembered())
    await shared_portal.wait_indexed(seconds=240)
    return shared_portal


async def first(api: Portal, question: str, path: str = "Datasets", most: int = 3) -> list[str]:
    return await api.pids(f"/api/{path}", filter={"query": question, "limit": most})


LEFT_ZOOMS = {
    f"{DONOR}_kidney_left_VOI-01_6.49um_bm05",
    f"{DONOR}_kidney_left_VOI-01.1_2.6um_bm05",
    f"{DONOR}_kidney_left_VOI-02_6.49um_bm05",
    f"{DONOR}_kidney_left_VOI-02.1_2.6um_bm05",
}


@pytest.mark.parametrize(
    "question",
    [
        f"sub-region of the left kidney of the body donor {DONOR}",
        f"zoom left kidney {DONOR}",
        f"{DONOR} kidney left region of interest",
        f"subregions of left kidneys {DONOR}",
    ],
)
async def test_zooms_of_a_left_kidney_come_first(api: Portal, question: str) -> None:
    found = await first(api, question)
    assert len(set(found)) == 3
    assert set(found) <= LEFT_ZOOMS


def of(name: str, value: Any, unit: str | None = None) -> dict[str, Any]:
    parts = [{"name": name}, {"value": value}, *([{"unit": unit}] if unit else [])]
    return {"relation": "parameters", "scope": {"where": {"and": parts}}}


async def test_the_same_zooms_by_conditions(api: Portal) -> None:
    includes = [of("donor", DONOR), of("organ", "kidney"), of("organ_context", "left"),
             of("dataset_type", "zoom"),
             of("voxel_size", {"between": [0.002, 0.0065]}, "mm")]  # fmt: skip
    assert set(await api.pids("/api/Datasets", filter={"include": includes})) == LEFT_ZOOMS
    below = {"relation": "datasets", "scope": {"include": includes}}
    found = await api.pids("/api/Documents", filter={"include": [below]})
    assert found == [f"{DONOR}_kidney", "proposal-md1290"]


@pytest.mark.parametrize(
    "question",
    [
        f"overview of the testis of donor {DONOR} with precision at 9.595 micrometers",
        f"overview testis {DONOR} 9.595",
        f"whole organ testes {DONOR}",
    ],
)
async def test_overviews_of_the_testes_come_first(api: Portal, question: str) -> None:
    found = await first(api, question, most=2)
    assert len(found) == 2
    assert all("testis" in pid and "9.595um" in pid and DONOR in pid for pid in found)


@pytest.mark.parametrize("question", reader_questions.QUESTIONS)
async def test_a_search_finds_what_an_expert_expects(
    api: Portal, question: str, answers: dict[str, set[str]]
) -> None:
    expected = answers[question]
    found = set(await first(api, question, most=0)) - {"test-brain"}
    assert expected
    assert found >= expected
    assert len(found & expected) / len(found) >= 0.98
    counted = (await api.get("/api/Datasets/count", query=question)).json()["count"]
    assert abs(counted - len(found)) <= 1  # test-brain
    assert set(await first(api, question)) - {"test-brain"} <= expected


@pytest.mark.parametrize("organ", ["kidney", "lung", "heart", "brain", "liver", "eye"])
async def test_documents_are_found_by_their_datasets(api: Portal, organ: str) -> None:
    expected = reader_questions.documents_of(organ)
    assert set(await first(api, organ, "Documents", most=0)) == expected


@pytest.mark.parametrize("sign", ["'", "\u2019", "\u02bc"])
async def test_a_possessive_finds_what_the_word_finds(api: Portal, sign: str) -> None:
    assert await first(api, f"Crohn{sign}s") == []
    assert await first(api, f"Alzheimer{sign}s", most=0) == ["test-brain"]
    assert await first(api, f"heart{sign}s", most=0) == await first(api, "heart", most=0)


async def test_an_unfinished_word_finds_what_it_begins(api: Portal) -> None:
    assert set(await first(api, "placen")) == set(await first(api, "placenta"))
    assert set(await first(api, "left kidn", most=0)) == set(
        await first(api, "left kidney", most=0)
    )
    assert await first(api, "q") == []


async def test_there_is_no_ear(api: Portal) -> None:
    for path in ("Datasets", "Documents"):
        assert await first(api, "scans of the human ear", path) == []
        assert await first(api, "ear", path) == []


async def test_a_misspelt_disease_is_found(api: Portal) -> None:
    for question in ("Alzeihmer disease", "alzeihmer", "Alzheimer's disease"):
        assert (await first(api, question))[0] == "test-brain"


async def test_five_spellings_of_covid_are_one(api: Portal) -> None:
    spellings = ("Covid", "COVID", "COVID19", "COVID-19", "SARS-CoV2", "SARS-CoV-2")
    found = [set(await first(api, s, most=0)) for s in spellings]
    assert len(found[0]) > 20
    assert found == [found[0]] * len(found)


async def test_disease_free_is_no_disease(api: Portal) -> None:
    free = set(await api.pids("/api/Datasets", filter={"include": [of("pathology", "control")]}))
    assert free
    assert not free & set(await first(api, "disease", most=0))
    for question in ("disease free", "disease-free", "control"):
        assert set(await first(api, question, most=len(free))) == free, question


async def test_numbers_of_regions_may_have_zeros(api: Portal) -> None:
    for question in (f"VOI-1 left kidney {DONOR}", f"VOI-01 left kidney {DONOR}"):
        assert (await first(api, question, most=1))[0].startswith(f"{DONOR}_kidney_left_VOI-01")
    found = [set(await first(api, q, most=0)) for q in ("VOI-1", "VOI-01", "voi 1")]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("question", "organ"),
    [
        ("achilles tendon", "achillesTendon"),
        ("achillesTendon", "achillesTendon"),
        ("Achilles tendons", "achillesTendon"),
        ("eyes", "eye"),
        ("hearts", "heart"),
        ("renal", "kidney"),
        ("female genitalia", "femaleGenitalia"),
        ("testes", "testis"),
        ("spleens", "spleen"),
        ("placentas", "placenta"),
    ],
)
async def test_organs_are_found_by_their_other_names(
    api: Portal, question: str, organ: str
) -> None:
    found = await first(api, question)
    assert found
    assert all(f"_{organ}_" in pid or f"_{organ.lower()}_" in pid.lower() for pid in found)


async def test_an_author_is_found_in_each_way_of_writing(api: Portal) -> None:
    include = {"include": [{"relation": "members", "scope": {"include": ["person"]}}]}
    by_author: dict[tuple[str, str], set[str]] = {}
    for one in (await api.get("/api/Documents", filter=include)).json():
        for person in (m["person"] for m in one["members"] if "lastName" in m["person"]):
            name = person["firstName"], person["lastName"]
            by_author.setdefault(name, set()).add(one["pid"])
    families = Counter(family for _, family in by_author)
    some = sorted(
        (name, documents)
        for name, documents in by_author.items()
        if 2 <= len(documents) <= 40 and families[name[1]] == 1 and " " not in "".join(name)
    )
    assert len(some) > 10
    for (given, family), documents in some[::6]:
        for question in (f"{family} {given[0]}.", f"{family}, {given[0]}", f"{given} {family}",
                         f"{family} {given}"):  # fmt: skip
            found = await first(api, question, "Documents", most=len(documents))
            assert set(found) == documents, question


@pytest.mark.parametrize(("value", "unit"), [(152.72, "mA"), (0.15272, "A"), (152720, "uA")])
async def test_a_current_is_the_same_in_each_unit(api: Portal, value: float, unit: str) -> None:
    interval = {"between": [value * 0.999, value * 1.001]}
    expected = {"between": [152.72 * 0.999, 152.72 * 1.001]}
    found = await api.pids(
        "/api/Datasets", filter={"include": [of("ring_current", interval, unit)]}
    )
    assert found == await api.pids(
        "/api/Datasets", filter={"include": [of("ring_current", expected, "mA")]}
    )
