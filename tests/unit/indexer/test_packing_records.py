"""What the engine and the gateway are given of a record."""

import json
from datetime import UTC, datetime
from typing import Any

from portal_indexer import index_settings, search_documents
from portal_shared import units
from portal_shared.contracts.records import Dataset, Document
from portal_shared.search import index_fields

PANET = "http://purl.org/pan-science/PaNET/"


def dataset(pid: str = "D_1", **more: Any) -> Dataset:
    given: dict[str, Any] = {
        "pid": pid,
        "name": pid,
        "title": "Zoom of the heart",
        "profile": "human-organs",
        "created": datetime(2021, 9, 26, tzinfo=UTC),
        "techniques": [{"pid": f"{PANET}PaNET01333", "name": "x-ray microtomography"}],
        "samples": [{"pid": "s", "name": "heart 1"}],
        "instrument": {"pid": "i", "name": "BM18", "facility": "ESRF"},
        "parameters": [
            {"name": "voxel_size", "value": 6.49, "unit": "um"},
            {"name": "organ", "value": "achillesTendon"},
            {"name": "voi", "value": "VOI-01"},
            {"name": "donor_age", "value": 63, "unit": "a"},
        ],
        **more,
    }
    return Dataset.model_validate(given)


def document(**more: Any) -> Document:
    return Document.model_validate(
        {
            "pid": "doc",
            "name": "doc",
            "title": "Heart",
            "profile": "p",
            "type": "Publication",
            **more,
        }
    )


def test_the_answer_has_no_absent_fields_and_instants_with_milliseconds() -> None:
    told = json.loads(search_documents.dataset(dataset())["json"])
    assert told["creationDate"] == "2021-09-26T00:00:00.000Z"
    assert told["isPublic"] is True
    assert "size" not in told
    assert None not in told.values()


def test_a_minted_doi_wins_over_the_one_it_brought() -> None:
    brought = dataset(doi="https://doi.org/10.1/ABC")
    assert json.loads(search_documents.dataset(brought)["json"])["doi"] == "10.1/abc"
    assert json.loads(search_documents.dataset(brought, doi="10.2/x")["json"])["doi"] == "10.2/x"


def test_the_type_of_a_document_is_told_as_it_was_registered() -> None:
    assert json.loads(search_documents.document(document())["json"])["type"] == "Publication"


def test_a_technique_is_found_by_all_its_broader_terms() -> None:
    assert {"PaNET01333", "PaNET01332", "PaNET01012"} <= set(
        search_documents.dataset(dataset())["t"]
    )


def test_quantities_are_in_si_beside_the_numbers_as_stored() -> None:
    field = search_documents.dataset(dataset())["p"][index_fields.parameter_key("voxel_size")]
    micrometre = units.find("um")
    assert micrometre is not None
    assert field["v"] == [6.49]
    assert field[index_fields.dimension_key(micrometre)] == [micrometre.to_si(6.49)]


def test_words_are_found_apart_and_numbers_without_their_zeros() -> None:
    facts = search_documents.dataset(dataset())["facts"]
    assert "achilles Tendon" in facts
    assert {"VOI-01", "VOI-1"} <= set(facts)


def test_a_document_has_the_fields_of_its_datasets_together() -> None:
    packed = search_documents.document(
        document(), datasets=[dataset("a"), dataset("b", title="Overview")]
    )
    assert packed["datasets"] == ["Overview", "Zoom of the heart"]
    assert packed["d"]["eq"]["pid"] == sorted({index_fields.digest("a"), index_fields.digest("b")})
    assert "PaNET01012" in packed["d"]["t"]
    assert packed["facet"]["instrument"] == [index_fields.facet_value("BM18")]
    assert {"a", "b"} <= set(packed["identifiers"])


def test_ids_of_rows_are_safe_and_stable() -> None:
    relations = json.loads(search_documents.dataset(dataset("10.1/ü x"))["relations"])
    ids = [p["id"] for p in relations["parameters"]]
    assert len(set(ids)) == len(ids)
    assert all(c.isalnum() or c in "_.~-" for i in ids for c in i)
    assert [p["name"] for p in relations["parameters"]] == sorted(
        p["name"] for p in relations["parameters"]
    )


def test_pids_order_by_code_point_in_any_collation() -> None:
    pids = ["B", "a", "A", "é", "Z1", "z", "中", "10.1/x", "\U0001f600"]
    assert sorted(pids) == sorted(pids, key=index_fields.sort_key)


def test_synonyms_go_both_ways() -> None:
    assert index_settings.synonyms([("covid", "sars-cov2"), ("covid", "corona")]) == {
        "corona": ["covid"],
        "covid": ["corona", "sars-cov2"],
        "sars-cov2": ["covid"],
    }
