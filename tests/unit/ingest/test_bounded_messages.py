"""Messages of pyicat-plus that are made to cost much: refused before they do."""

import json

import pytest
from portal_ingest.stomp import bridge, esrf_messages, xml_reader
from portal_shared.runtime.errors import Invalid

HEAD = (
    b"<dataset><name>a</name><location>/d/a</location><instrument>b</instrument>"
    b"<investigation>m</investigation><startDate>2024-01-01T00:00:00Z</startDate>"
)
PARAMETER = b"<parameter><name>n</name><value>1</value></parameter>"


def parameters(count: int) -> bytes:
    return HEAD + PARAMETER * count + b"</dataset>"


def test_as_many_parameters_as_the_esrf_defines_are_read() -> None:
    job = esrf_messages.to_job("icatIngest", parameters(2000))
    assert len(job["datasets"][0]["parameters"]) == 2000


def test_too_many_elements_are_refused_before_the_rest_is_read() -> None:
    """The end is not XML: the limit is reached, and reported, long before it."""
    body = (HEAD + PARAMETER * 140_000)[:7_900_000] + b"<<<"
    with pytest.raises(Invalid, match="more than 30000 elements"):
        esrf_messages.to_job("icatIngest", body)


def test_too_deep_elements_are_refused_before_the_rest_is_read() -> None:
    with pytest.raises(Invalid, match="deeper than 10 levels"):
        esrf_messages.to_job("icatIngest", b"<dataset>" + b"<a>" * 2_500_000 + b"<<<")
    assert xml_reader.parse(b"<a>" * 10 + b"</a>" * 10).tag == "a"


def test_too_many_paths_are_refused() -> None:
    message = {"metadataName": "a", "metadataValue": "1", "datasetPaths": ["/d"] * 10_001}
    with pytest.raises(Invalid, match="at most 10000"):
        esrf_messages.to_job("icatUpdateDatasetMetadata", json.dumps(message).encode())


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE dataset SYSTEM "http://x.example/a.dtd"><dataset/>',
        b'<!DOCTYPE d [<!ENTITY a "aa">]><dataset><name>&a;</name></dataset>',
    ],
)
def test_document_types_are_refused(body: bytes) -> None:
    with pytest.raises(Invalid, match="not allowed"):
        esrf_messages.to_job("icatIngest", body)


def test_an_unknown_encoding_and_a_date_without_zone_are_refused() -> None:
    with pytest.raises(Invalid, match="XML"):
        esrf_messages.to_job("icatIngest", b'<?xml version="1.0" encoding="ebcdic-9"?><dataset/>')
    end = parameters(1).replace(b"</dataset>", b"<endDate>2024-01-01T00:00</endDate></dataset>")
    with pytest.raises(Invalid, match="time zone") as refused:
        esrf_messages.to_job("icatIngest", end)
    assert refused.value.field == "endDate"


def test_an_element_that_is_given_twice_is_refused() -> None:
    twice = parameters(1).replace(b"<name>a</name>", b"<name>a</name><name>b</name>")
    with pytest.raises(Invalid, match="given 2 times") as refused:
        esrf_messages.to_job("icatIngest", twice)
    assert refused.value.field == "name"


def test_private_values_are_dropped_by_rules_not_by_a_list() -> None:
    rows = b"".join(
        b"<parameter><name>%s</name><value>secret</value></parameter>" % name
        for name in (b"SamplePatient_birth_date", b"SamplePatient_name", b"DOB", b"PatientName")
    )
    body = HEAD + rows + PARAMETER + b"</dataset>"
    job, places = bridge.public_job("icatIngest", body)
    assert "secret" not in json.dumps(job)
    assert places[0] == "datasets[0].parameters.SamplePatient_birth_date"
    assert len(places) == 4
    update = {"metadataName": "SamplePatient_hospital", "metadataValue": "secret"}
    message = json.dumps({**update, "datasetPaths": ["/d/a"]}).encode()
    job, places = bridge.public_job("icatUpdateDatasetMetadata", message)
    assert "secret" not in json.dumps(job)
    assert places == ["records[0].fields.parameters.SamplePatient_hospital"]
