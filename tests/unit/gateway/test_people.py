"""A person whom the records name in two ways is one person."""

from portal_gateway.criteria.criteria import Condition
from portal_gateway.labels.fields import FieldTable
from portal_gateway.labels.people import count_people
from portal_gateway.results.facets import Counts, facet_view
from portal_shared import profile
from portal_shared.search import index_fields

ADA, MARK = "0000-0001-5109-3700", "0000-0003-3558-2576"


def distribution(*counts: tuple[str, str, int]) -> dict[str, int]:
    return {index_fields.person_value(who, name): n for who, name, n in counts}


ALL = distribution((MARK, "Mark Kuehnel", 2), (MARK, "Mark Kuhnel", 9), (ADA, "Ada Byron", 5))


def test_the_name_of_most_records_is_first() -> None:
    people = count_people(ALL)
    assert people[MARK].names == ("Mark Kuhnel", "Mark Kuehnel")
    assert {who: person.count for who, person in people.items()} == {MARK: 11, ADA: 5}


def test_a_facet_has_each_person_once_also_when_chosen() -> None:
    found = facet_view(
        FieldTable(profile.load("human-organs")),
        "person",
        Condition(values=(MARK,)),
        Counts(3, {index_fields.PERSONS: distribution((MARK, "Mark Kuehnel", 2), (ADA, "A. B.", 1)),
                   index_fields.RECORDED: {"person": 3}}),
        Counts(16, {index_fields.PERSONS: ALL, index_fields.RECORDED: {"person": 16}}),
    )  # fmt: skip
    assert found
    assert [(one.value, one.label, one.count, one.selected) for one in found.values] == [
        (MARK, "Mark Kuhnel", 2, True),
        (ADA, "Ada Byron", 1, False),
    ]
