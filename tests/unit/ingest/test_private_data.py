"""Private data of donors: removed by rules, however they are spelt, and listed by name only."""

from typing import Any

import pytest
from portal_shared import profile
from portal_shared.validation.job_parser import parse_envelope
from portal_shared.validation.private_names import private_names
from portal_shared.validation.private_texts import find_private_text
from portal_shared.validation.redaction import redact, shown_places
from portal_shared.validation.validator import validate

from .test_job_validation import ANY, DATASET, HOA, job

ESRF = profile.load("esrf")
PRIVATE = [
    "DOB", "D.O.B.", "surname", "Date of Birth", "birthdate", "BirthYear", "birth date (donor)",
    "SamplePatient_birth_date", "SamplePatient_date_of_birth", "SamplePatient_name",
    "SAMPLEPATIENT_NAME", "SamplePatient_hospital", "SamplePatient_institute", "PatientName",
    "PatientBirthDate", "PatientID", "Patient's Name", "OtherPatientNames", "patientname",
    "(0010,0030)", "00100010", "x00100010", "0010,0030 Patient's Birth Date", "InstitutionName",
    "ReferringPhysicianName", "donor_dob", "DonorPostcode", "donor.name", "date_of_death",
    "deathDate", "yearOfDeath", "died", "Geburtsdatum", "date_de_naissance", "Nachname",
    "Pr\u00e9nom", "h\u00f4pital", "\uff24\uff2f\uff22", "E-Mail", "telephone", "firstName", "MRN",
    "medical record number", "pat_name", "PatName", "PatID", "OtherPatientIDs", "name_of_patient",
    "nom du patient", "Geb.-Datum", "GebDat", "bday", "YOB", "d.o.d.", "born", "NHS number",
    "nhs_no", "KVNr", "Versichertennummer", "insurance_no", "personnummer", "codice fiscale",
    "Address", "PLZ", "Hausarzt", "doctor", "0x0010,0x0030", "D\u200bOB", "autopsy number",
    "\u59d3\u540d", "\u51fa\u751f\u65e5\u671f",
    "\u0434\u0430\u0442\u0430 \u0440\u043e\u0436\u0434\u0435\u043d\u0438\u044f",
]  # fmt: skip
PUBLIC = [
    "donor", "donor_age", "donor_age_group", "donor_sex", "cause_of_death", "medical_history",
    "SamplePatient_number", "SamplePatient_age", "SamplePatient_info", "SamplePatient_organ_name",
    "PatientAge", "PatientPosition", "00101010", "scan_0010_0030", "Sample_name", "datasetName",
    "startDate", "scan_date", "age_at_death", "post_mortem_interval", "microphone_gain",
    "pattern", "path_name", "newborn", "b_factor", "addressable", "race_condition", "patch_id",
    "site_occupation", "dobutamine_dose", "mother_liquor", "name", "Project_name",
]  # fmt: skip


@pytest.mark.parametrize("name", PRIVATE)
@pytest.mark.parametrize("rules", [HOA, ESRF], ids=["human-organs", "esrf"])
def test_a_private_name_is_removed_from_jobs_patches_and_details(
    name: str, rules: profile.Profile
) -> None:
    row = {"name": name, "value": "secret-1"}
    deep = {"scan": {"header": [{name: "secret-2"}, {"Key": name, "Value": "secret-3"}]}}
    fields = {f"parameters.{name}": "secret-4", "details.scan": {name: "secret-5"}, "title": "T"}
    whole = job(
        {**DATASET, "parameters": [row, *DATASET["parameters"]], "details": deep},
        records=[{"pid": "p", "fields": fields}],
    )
    clean, places = redact(whole, rules)
    assert "secret" not in str(clean)
    assert len(places) == 5
    assert "secret" not in str(places)
    assert clean["datasets"][0]["parameters"] == DATASET["parameters"]
    assert clean["records"][0]["fields"]["title"] == "T"


@pytest.mark.parametrize("name", PUBLIC)
def test_other_names_stay(name: str) -> None:
    assert not private_names(HOA.privacy).is_private(name)
    assert not private_names(ESRF.privacy).is_private(name)


def test_every_parameter_of_a_profile_may_be_published() -> None:
    names = private_names(HOA.privacy)
    every = [*HOA.parameters, *(r.icat for r in HOA.parameters.values() if r.icat)]
    assert [name for name in every if names.is_private(name)] == []


def test_below_a_donor_only_the_allowed_fields_stay() -> None:
    for group in ("donor", "Donor", "patient", "SamplePatient", "donors"):
        details = {group: {"id": "D1", "sex": "F", "ward": "7", "pathology": {"nurse": "x"}}}
        clean, places = redact(job({**DATASET, "details": details}), HOA)
        published = clean["datasets"][0]["details"][group]
        assert published == {"id": "D1", "sex": "F", "pathology": {}}
        assert places == [
            f"datasets[0].details.{group}.ward",
            f"datasets[0].details.{group}.pathology.nurse",
        ]


def test_a_patch_with_dots_is_checked_part_by_part_and_may_remove_a_value() -> None:
    fields = {
        "details.donor.ward": "7",
        "details.donor.sex": "F",
        "details.scan.patient_name": "x",
        "parameters.date_of_birth": None,
        "details.donor": {"id": "D1", "ward": "7"},
    }
    clean, places = redact({"records": [{"pid": "p", "fields": fields}]}, HOA)
    assert clean["records"][0]["fields"] == {
        "details.donor.sex": "F",
        "parameters.date_of_birth": None,
        "details.donor": {"id": "D1"},
    }
    assert len(places) == 3


@pytest.mark.parametrize(
    "row",
    [
        ["patient name", "secret"], {"attribute": "PatientName", "content": "secret"},
        {"question": "date of birth", "answer": "secret"},
        {"tag": "(0010,0010)", "Value": ["secret"]},
    ],
)  # fmt: skip
def test_a_pair_of_a_private_name_and_a_value_is_removed(row: Any) -> None:
    details = {"rows": [row, ["organ", "kidney"]]}
    clean, places = redact(job({**DATASET, "details": details}), HOA)
    assert clean["datasets"][0]["details"] == {"rows": [["organ", "kidney"]]}
    assert len(places) == 1


def test_a_patch_of_private_fields_alone_is_refused_with_that_reason() -> None:
    patch = {"version": 1, "job_id": "j", "kind": "patch"}
    records = [{"pid": "p", "fields": {"parameters.DOB": "x"}}]
    clean, places = redact({**patch, "records": records}, HOA)
    assert places == ["records[0].fields.parameters.DOB"]
    [problem] = validate(parse_envelope(clean), HOA).records[0].problems
    assert problem.field == "records[0].fields"
    assert "private fields were removed" in problem.reason


def test_the_names_of_authors_stay() -> None:
    person = {"id": "a", "full_name": "A B", "first_name": "A", "last_name": "B"}
    given = {
        **DATASET,
        "members": [{"person": person, "affiliation": {"id": "i", "address": "Street 1"}}],
        "details": {"citation": {"contributors": [{"first_name": "A", "birth_date": "x"}]}},
    }
    clean, places = redact(job(given), HOA)
    assert clean["datasets"][0]["members"] == given["members"]
    assert places == ["datasets[0].details.citation.contributors[0].birth_date"]


def test_the_places_of_removed_values_are_limited_and_quote_no_value() -> None:
    rows: list[Any] = [{"name": f"donor_{n}", "value": 1} for n in range(300)]
    rows[0]["name"] = "born 1954-03-12 patient name"
    _, places = redact(job({**DATASET, "parameters": rows}), HOA)
    shown = shown_places(places)
    assert shown[0] == "datasets[0].parameters.(a private name)"
    assert len(shown) == 201
    assert shown[-1] == "and 100 more"


@pytest.mark.parametrize(
    "text",
    [
        "born 12.03.1954", "DOB: 1954-03-12", "* 12.03.1954", "19540312", "12-MAR-1954",
        "March 12, 1954", "geb. 3.4.1950", "n\u00e9e le 12 mars 1954", "born in 2004",
        "ask jane.doe@hospital.example", "3rd of April 1954", "12 de marzo de 1954",
        "1954\u5e743\u670812\u65e5", "19540312T000000", "DOE^JOHN", "Patient's name: John Doe",
    ],
)  # fmt: skip
def test_a_text_that_looks_private_is_refused_by_its_field_without_its_content(text: str) -> None:
    note = {"name": "medical_history", "value": f"COPD, {text}"}
    given = {**DATASET, "parameters": [*DATASET["parameters"], note], "details": {"note": [text]}}
    for rules in (HOA, ESRF):
        part = validate(parse_envelope(job(given)), rules).datasets[0]
        fields = [p.field for p in part.problems]
        assert "datasets[0].parameters[2].value" in fields
        assert "datasets[0].details.note[0]" in fields
        assert all(text not in p.reason for p in part.problems)
    assert validate(parse_envelope(job(given)), ANY).datasets[0].problems == []
    withdrawal = {"version": 1, "job_id": "j", "kind": "withdraw"}
    records = [{"pid": "p", "reason": text}]
    result = validate(parse_envelope({**withdrawal, "records": records}), HOA)
    assert [p.field for p in result.records[0].problems] == ["records[0].reason"]


@pytest.mark.parametrize(
    "text",
    [
        "scan of 2021-07-03", "covid in 2020, hypertension since 1998", "v1.2.1999", "00000012",
        "10.1234/abc.1999.12.12", "x @ y", "birth weight 3200 g", "reborn 2020",
        "kg^m", "10^-3", "A^2", "sample name: kidney", "the name of the patient is not known",
    ],
)  # fmt: skip
def test_other_texts_are_no_private_data(text: str) -> None:
    assert find_private_text(text) is None


def test_an_age_above_89_follows_the_rule_of_the_profile() -> None:
    age = {"name": "donor_age", "value": 94, "unit": "a"}
    group = {"name": "donor_age_group", "value": "90+"}

    def found(above_89: str, *rows: Any) -> list[tuple[str, str | None]]:
        ages = HOA.ages.model_copy(update={"above_89": above_89})
        rules = HOA.model_copy(update={"ages": ages})
        given = {**DATASET, "parameters": [*DATASET["parameters"], *rows]}
        problems = validate(parse_envelope(job(given)), rules).datasets[0].problems
        return [(p.field, p.suggestion) for p in problems]

    assert HOA.ages.above_89 == "grouped"
    assert found("shown", age) == []
    assert found("refused", age) == [("datasets[0].parameters[2].value", "90+")]
    assert found("refused", {**age, "value": 89}) == []
    assert found("grouped", age) == [("datasets[0].parameters", "donor_age_group: 90+")]
    assert found("grouped", age, group) == []
