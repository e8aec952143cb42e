"""Maps contributors to members: each person once, in the order of citation, with all roles."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from portal_shared.contracts.jobs import MemberIn, PersonIn

from portal_cli.hoa.record import Contributor

LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "ł": "l"})


def name_key(full_name: str) -> str:
    """Returns a key that is equal for spellings that differ only in case, accents and points."""
    plain = unicodedata.normalize("NFC", full_name).lower().translate(LETTERS)
    bare = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", bare).strip("-")


def person(given: Contributor) -> PersonIn:
    """Returns a person, identified by ORCID or by name.

    In the Atlas, a collaboration is a contributor with the first name "The" and no ORCID.
    """
    full_name = f"{given.first_name} {given.last_name}"
    if given.first_name == "The" and given.orcid is None:
        return PersonIn(id=name_key(given.last_name), full_name=full_name, organisation=True)
    return PersonIn(
        id=given.orcid or name_key(full_name),
        full_name=full_name,
        first_name=given.first_name,
        last_name=given.last_name,
        orcid=given.orcid,
    )


def member(given: Contributor) -> MemberIn:
    roles = given.roles
    return MemberIn(role=roles[0] if roles else None, roles=roles, person=person(given))


def members(given: Iterable[Contributor]) -> tuple[MemberIn, ...]:
    """Returns the members in the given order, which is that of citation; each person once."""
    return merge_members([[member(c) for c in given]])


def merge_members(lists: Iterable[Sequence[MemberIn]]) -> tuple[MemberIn, ...]:
    """Merges lists in order: a new person follows the person who precedes them in their list."""
    order: list[str] = []
    found: dict[str, MemberIn] = {}
    for single in lists:
        place = 0
        for one in single:
            assert one.person is not None  # noqa: S101  # made by member()
            key = one.person.id
            if key in found:
                found[key] = _with_roles(found[key], one.roles)
            else:
                order.insert(place, key)
                found[key] = one
            place = order.index(key) + 1
    return tuple(found[key] for key in order)


def _with_roles(there: MemberIn, more: Sequence[str]) -> MemberIn:
    roles = tuple(dict.fromkeys([*there.roles, *more]))
    return there.model_copy(update={"roles": roles, "role": roles[0] if roles else None})


def index_by_name(contributors: Iterable[Contributor]) -> dict[str, PersonIn]:
    """Returns the persons by name key, without names that several persons have."""
    found: dict[str, PersonIn] = {}
    ambiguous: set[str] = set()
    for given in contributors:
        who = person(given)
        key = name_key(who.full_name)
        if found.setdefault(key, who).id != who.id:
            ambiguous.add(key)
    return {key: who for key, who in found.items() if key not in ambiguous}


def proposers(names: Iterable[str], known: Mapping[str, PersonIn]) -> tuple[MemberIn, ...]:
    """Returns proposers, who are given by name only; known contributors are recognised."""
    return tuple(
        MemberIn(
            role="proposer",
            person=known.get(name_key(name)) or PersonIn(id=name_key(name), full_name=name),
        )
        for name in names
    )
