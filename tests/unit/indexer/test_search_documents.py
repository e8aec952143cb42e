"""Search documents: the texts, filter fields and ready answers that are built from a record."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from portal_indexer import index_settings, search_documents
from portal_shared import units
from portal_shared.contracts.records import Dataset, Document
from portal_shared.search import index_fields, quantities

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


def test_a_list_without_elements_stays_an_empty_list() -> None:
    documents = [
        search_documents.build_dataset(dataset(keywords=[])),
        search_documents.build_document(builders.document(keywords=[])),
    ]
    assert [json.loads(one["json"])["keywords"] for one in documents] == [[], []]


def test_a_minted_doi_wins_over_the_doi_of_the_record() -> None:
    with_doi = dataset(doi="https://doi.org/10.1/ABC")
    assert json.loads(search_documents.build_dataset(with_doi)["json"])["doi"] == "10.1/ABC"
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


def test_ten_thousand_names_of_parameters_need_few_index_fields() -> None:
    names = [f"own_{number}" for number in range(10_000)]
    found: set[str] = set()
    for start in range(0, len(names), 500):
        some = names[start : start + 500]
        numbers = [{"name": name, "value": 1.5, "unit": "mm"} for name in some]
        texts = [{"name": name, "value": "a text", "unit": None} for name in some]
        one = dataset(parameters=[*numbers, *texts])
        found |= {*flattened(search_documents.build_dataset(one))}
        found |= {*flattened(search_documents.build_document(builders.document(), datasets=[one]))}
    assert len(found) < 250


def flattened(value: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, inner in value.items():
        yield prefix + name
        if isinstance(inner, dict):
            yield from flattened(inner, f"{prefix}{name}.")


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


def kidneys() -> Document:
    """The document of both kidneys of a donor."""
    sides = [{"name": "organ_context", "value": side} for side in ("left", "right")]
    return builders.document(
        "K",
        title="Kidney of donor D1",
        keywords=("kidney", "left", "right", "HiP-CT"),
        parameters=[{"name": "organ", "value": "kidney"}, *sides],
        datasets=("R",),
    )


def right_kidney(**fields: Any) -> Dataset:
    values = {"organ": "kidney", "organ_context": "right", "donor": "D1", **fields}
    parameters = [{"name": n, "value": v} for n, v in values.items()]
    return dataset("R", title="Volume", samples=[], document="K", parameters=parameters)


def test_a_dataset_has_the_words_of_its_document_that_are_true_of_it() -> None:
    found = search_documents.build_dataset(right_kidney(), documents=[kidneys()])["documents"]
    assert found == ["Kidney of donor D1", "kidney", "right", "HiP-CT"]


@pytest.mark.parametrize(
    "title", ["Hearts and kidneys", "Cardiac and renal imaging", "heart/kidney"]
)
def test_organs_that_a_dataset_has_not_are_left_out_of_the_title_above(title: str) -> None:
    above = builders.document("K", title=title, datasets=("R",))
    built = search_documents.build_dataset(right_kidney(), documents=[above])
    texts = [t for name in ("documents", "facts", "forms") for t in built[name]]
    words = set(re.findall(r"\w+", " ".join(texts).lower()))
    assert not words & {"heart", "hearts", "cardiac"}
    assert {"kidney", "renal"} <= words


def test_a_proposal_that_lists_a_dataset_of_another_document_does_not_describe_it() -> None:
    proposal = builders.document("P", title="Lungs", keywords=("lung",), datasets=("R",))
    built = search_documents.build_dataset(right_kidney(), documents=[kidneys(), proposal])
    assert "lung" not in " ".join([*built["documents"], *built["forms"]]).lower()
    alone = search_documents.build_dataset(dataset("R", parameters=[]), documents=[proposal])
    assert alone["documents"] == ["Lungs", "lung"]


def test_free_text_about_a_person_is_apart_from_the_texts_that_describe_the_record() -> None:
    built = search_documents.build_dataset(right_kidney(medical_history="Lung cancer, 1.4 cm"))
    described = " ".join(t for name in index_fields.DESCRIBING["datasets"] for t in built[name])
    assert "lung" not in described.lower()
    assert "Lung cancer, 1.4 cm" in built["notes"]
    assert "cancers" in built["notes"]
    quantity = quantities.word(14, "mm")
    assert quantity in built["notes"]
    assert quantity not in built["numbers"]


def test_the_name_of_another_record_and_a_misleading_value_are_not_searched() -> None:
    facts = search_documents.build_dataset(
        right_kidney(registration_target="D1_kidney_25.08um", dataset_type="overview", optic="Zoom")
    )["facts"]
    assert "overview" in facts
    assert not {"Zoom", "D1_kidney_25.08um"} & set(facts)


def test_numbers_with_units_are_words_in_every_unit_and_place() -> None:
    built = search_documents.build_dataset(dataset(title="Zoom at 2\u00b5m (VOI-03 at 4.5um)"))
    for value, unit in [(6.49, "um"), (2, "um"), (0.0045, "mm"), (63, "years")]:
        assert quantities.word(value, unit) in built["numbers"]
    assert quantities.word(3, "at") not in built["numbers"]


def test_words_have_forms_without_apostrophes_and_micro_signs() -> None:
    built = search_documents.build_dataset(dataset(title="Crohn\u2019s disease by PPC-Sr\u00b5CT"))
    assert {"crohn", "srmicroct", "sruct", "diseases"} <= set(built["forms"])


def test_synonyms_are_forms_of_each_other() -> None:
    assert {"cardiac", "subregions", "region of interest"} <= set(
        search_documents.build_dataset(dataset())["forms"]
    )
