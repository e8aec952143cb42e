"""The schema table, and the WSDL and XSD made of it."""

import xml.etree.ElementTree as ET

import pytest
from portal_local.icat.schema.schema import load, parse
from portal_local.icat.wire.wsdl import OPERATIONS, wsdl, xsd

XS = "{http://www.w3.org/2001/XMLSchema}"


def test_the_schema_is_icat_6_2() -> None:
    schema = load()
    assert len(schema.beans) == 53
    assert sum(bean.is_parameter for bean in schema.beans.values()) == 5
    dataset = schema.beans["Dataset"]
    assert dataset.key == ("investigation", "name")
    assert [field.name for field in dataset.ones] == ["investigation", "sample", "type"]
    assert dataset.fields["location"].length == 511
    assert dataset.fields["datafiles"].inverse == "dataset"


def test_own_fields_are_in_alphabetical_order() -> None:
    for bean in load().beans.values():
        names = [field.name for field in bean.own]
        assert names == sorted(names), bean.name


def test_every_reference_has_a_way_to_be_deleted_with_its_target() -> None:
    schema = load()
    back = {(f.type, f.inverse) for bean in schema.beans.values() for f in bean.manys}
    for bean in schema.beans.values():
        for field in bean.ones:
            assert (bean.name, field.name) in back


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bean A\n  b Organ", "no type Organ"),
        ("bean A key b\n  c String", "no key field"),
        ("bean A\n  b -> B", "no type B"),
        ("bean A\n  bs => B.a\nbean B\n  a String", "no inverse"),
        ("bean A\n  what is this", "is not a field"),
        ("beam A", "is not a section"),
    ],
)
def test_a_wrong_schema_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text)


def test_the_xsd_has_every_bean_and_operation() -> None:
    schema = load()
    root = ET.fromstring(xsd(schema))  # noqa: S314
    types = {element.get("name"): element for element in root.iter(f"{XS}complexType")}
    assert {bean.wire_name for bean in schema.beans.values()} <= types.keys()
    assert set(OPERATIONS) | {f"{name}Response" for name in OPERATIONS} <= types.keys()
    extension = types["datasetParameter"].find(f".//{XS}extension")
    assert extension is not None
    assert extension.get("base") == "tns:parameter"
    fields = {element.get("name"): element for element in types["dataset"].iter(f"{XS}element")}
    assert fields["complete"].get("minOccurs") is None
    assert fields["datafiles"].get("maxOccurs") == "unbounded"
    assert fields["startDate"].get("type") == "xs:dateTime"


def test_the_wsdl_gives_the_address_the_client_used() -> None:
    root = ET.fromstring(wsdl('https://icat.example.org/ICATService/ICAT?a=1&b="2"'))  # noqa: S314
    address = root.find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address is not None
    assert address.get("location") == 'https://icat.example.org/ICATService/ICAT?a=1&b="2"'
