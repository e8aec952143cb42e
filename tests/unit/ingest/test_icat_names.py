"""Names that ICAT's database takes for one."""

import hashlib

import pytest
from portal_ingest.icat.collation import fold
from portal_ingest.icat.mapping import (
    LogicalFiles,
    dataset_entry,
    file_entries,
    publication_entry,
)
from portal_ingest.icat.names import SHORT, distinct_names, one_of_each, own_name
from portal_shared import profile
from portal_shared.contracts.records import File, Member, Person, RelatedItem, Technique

from tests.builders import PROFILE, dataset, document
from tests.mariadb_weights import BASIC_PLANE, WEIGHTS_SHA256


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("mW", "MW"),
        ("µm", "μm"),
        ("Muller", "Müller"),
        ("ÅNGSTRÖM", "angstrom"),
        ("README.txt", "Readme.TXT  "),
        ("🫀", "🫁"),
        ("straße", "STRASE"),
        ("\u03f2", "\u03c3"),
    ],
)
def test_look_alikes_fold_to_the_same_text(left: str, right: str) -> None:
    assert fold(left) == fold(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        *(("mW", "m W"), (" a", "a"), ("a-b", "a_b"), ("ab", "a"), ("<", "≮"), ("И", "Й")),
        *(("심장", "신장"), ("か", "が"), ("ß", "ss"), ("K", "\N{KELVIN SIGN}")),
    ],
)
def test_other_names_do_not(left: str, right: str) -> None:
    assert fold(left) != fold(right)


def test_every_character_has_the_weight_of_mariadb() -> None:
    weights = "".join(fold(character) or " " for character in BASIC_PLANE)
    assert hashlib.sha256(weights.encode()).hexdigest() == WEIGHTS_SHA256


def test_a_name_of_its_own_begins_with_the_name_and_fits() -> None:
    assert own_name("MW").startswith("MW ~")
    assert own_name("power", "MW") != own_name("power", "mW")
    assert len(own_name("x" * 300)) <= SHORT


def test_the_first_of_look_alikes_has_the_name_itself_in_any_order() -> None:
    one = distinct_names(["Readme.txt", "README.txt", "a"])
    assert one == distinct_names(["a", "README.txt", "Readme.txt"])
    assert one["README.txt"] == "README.txt"
    assert one["Readme.txt"].startswith("Readme.txt ~")
    assert one["a"] == "a"


def test_one_of_each_leaves_out_later_look_alikes() -> None:
    assert one_of_each(["Heart", "lung", "heart"], str) == ("Heart", "lung")


def _files(*names: str) -> list[File]:
    return [File(name=name, size=1, sha256="0" * 64) for name in names]


def test_files_and_logical_files_have_distinct_names_and_their_own_locations() -> None:
    entries = file_entries("f", _files("README.txt", "Readme.txt"))
    assert len({fold(e.name) for e in entries}) == 2
    assert [e.location for e in entries] == ["f/README.txt", "f/Readme.txt"]
    grouped = LogicalFiles("f/")
    for file in _files("README.txt", "Readme.txt", "a1.tif", "a2.tif"):
        grouped.add(file)
    assert len({fold(e.name) for e in grouped.entries()}) == 3


def test_a_publication_has_no_look_alikes_among_keywords_and_related_items() -> None:
    people = [Member(person=Person(id=i, full_name=i)) for i in ("muller-a", "müller-a")]
    related = [
        RelatedItem(relation="IsCitedBy", identifier="10.1234/ABC"),
        RelatedItem(relation="IsDescribedBy", identifier="10.1234/abc"),
    ]
    record = document(members=people, related=related, keywords=["Heart", "heart"])
    entry = publication_entry(record, "10.5072/x", profile.load(PROFILE))
    assert entry.subjects == ("Heart",)
    assert [r.identifier for r in entry.related] == ["10.1234/ABC"]
    assert [u.name for u in entry.users] == ["muller-a", "müller-a"]


def test_keywords_of_another_script_are_not_look_alikes() -> None:
    record = document(keywords=["심장", "신장"])
    entry = publication_entry(record, "10.5072/x", profile.load(PROFILE))
    assert entry.subjects == ("심장", "신장")


def test_a_dataset_has_one_technique_of_a_name() -> None:
    techniques = tuple(Technique(pid=p, name=n) for p, n in (("a", "CT"), ("b", "CT"), ("c", "ct")))
    entry = dataset_entry(dataset(techniques=techniques), None, profile.load(PROFILE))
    assert [(t.name, t.pid) for t in entry.techniques] == [("CT", "a"), ("ct", "c")]
