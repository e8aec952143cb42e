"""Search documents: the texts, filter fields and ready answers that are built from a record."""

import json
from datetime import UTC, datetime
from typing import Any

from portal_indexer import index_settings, search_documents
from portal_shared import units
from portal_shared.contracts.records import Dataset
from portal_shared.search import index_fields

from tests import builders


def dataset(pid: str = "D_1", **fields: Any) -> Dataset:
    defaults: dict[str, Any] = {
        "title": "Zoom of the heart",
        "created": datetime(2021, 9, 26, tzinfo=UTC),
        "techniques": [{"pid": f"{builders.PANET}PaNET01333", "name": "x-ray microtomography"}],
        "samples": [{"pid": "s", "name": "heart 1"}],
        "instrument": {"pid": "i", "name": "BM18", "facility": "ESRF"},
        "parameters": [
            {"name": "voxel_size", "value": 6.49, "unit": "um"},
            {"name": "organ", "value": "achillesTendon"},
            {"name": "voi", "value": "VOI-01"},
            {"name": "donor_age", "value": 63, "unit": "a"},
        ],
    }
    return builders.dataset(pid, **{**defaults, **fields})


def test_the_answer_has_no_absent_fields_and_instants_with_milliseconds() -> None:
    record = json.loads(search_documents.build_dataset(dataset())["json"])
    assert record["creationDate"] == "2021-09-26T00:00:00.000Z"
    assert record["isPublic"] is True
    assert "size" not in record
    assert None not in record.values()


def test_a_minted_doi_wins_over_the_doi_of_the_record() -> None:
    with_doi = dataset(doi="https://doi.org/10.1/ABC")
    assert json.loads(search_documents.build_dataset(with_doi)["json"])["doi"] == "10.1/abc"
    assert (
        json.loads(search_documents.build_dataset(with_doi, doi="10.2/x")["json"])["doi"]
        == "10.2/x"
    )


def test_a_document_keeps_its_type_as_registered() -> None:
    document = builders.document(type="Publication")
    assert json.loads(search_documents.build_document(document)["json"])["type"] == "Publication"


def test_a_technique_is_found_by_all_its_broader_terms() -> None:
    assert {"PaNET01333", "PaNET01332", "PaNET01012"} <= set(
        search_documents.build_dataset(dataset())["t"]
    )


def test_parameters_have_their_number_as_stored_and_in_si_units() -> None:
    field = search_documents.build_dataset(dataset())["p"][index_fields.parameter_key("voxel_size")]
    micrometre = units.find("um")
    assert micrometre is not None
    assert field["v"] == [6.49]
    assert field[index_fields.dimension_key(micrometre)] == [micrometre.to_si(6.49)]


def test_camel_case_is_split_and_numbers_lose_leading_zeros() -> None:
    facts = search_documents.build_dataset(dataset())["facts"]
    assert "achilles Tendon" in facts
    assert {"VOI-01", "VOI-1"} <= set(facts)


def test_a_document_has_the_merged_fields_of_its_datasets() -> None:
    built = search_documents.build_document(
        builders.document(), datasets=[dataset("a"), dataset("b", title="Overview")]
    )
    assert built["datasets"] == ["Overview", "Zoom of the heart"]
    assert built["d"]["eq"]["pid"] == sorted({index_fields.digest("a"), index_fields.digest("b")})
    assert "PaNET01012" in built["d"]["t"]
    assert built["facet"]["instrument"] == [index_fields.facet_value("BM18")]
    assert {"a", "b"} <= set(built["identifiers"])


def test_ids_of_rows_are_safe_and_stable() -> None:
    relations = json.loads(search_documents.build_dataset(dataset("10.1/ü x"))["relations"])
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
