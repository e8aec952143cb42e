"""Techniques as terms of the PaNET ontology, with their broader terms and names.

The table is made by shared/tools/build_panet.py from PaNET (CC-BY-4.0, version in data/panet.json,
https://github.com/pan-ontologies/PaNET); profiles add terms and names.
"""

import csv
import re
from functools import cache
from importlib.resources import files

from portal_shared import profile

_NUMBER = re.compile(r"PaNET(\d{5,7})$")
_TRAILING = re.compile(r"(?:[- ]based)? (?:techniques?|concept)$")


def term(pid: str | None, panet_id: str | None = None) -> str:
    """Returns the PaNET number of a technique, whatever the base of its IRI; else its pid."""
    for text in (pid, panet_id):
        found = _NUMBER.search(text.strip()) if text else None
        if found:
            return f"PaNET{found[1]}"
    return (pid or panet_id or "").strip()


def normalize_label(name: str) -> str:
    """Returns a name for comparisons: lower case, single blanks, no "technique" at its end."""
    return _TRAILING.sub("", " ".join(name.split()).casefold())


@cache
def _parents() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in _rows():
        found.setdefault(row["number"], set()).update(filter(None, row["parents"].split(";")))
    for name in profile.names():
        for pid, rule in profile.load(name).techniques.items():
            found.setdefault(term(pid), set()).update(term(b) for b in rule.broader)
    return {child: frozenset(parents) for child, parents in found.items()}


@cache
def _labels() -> dict[str, frozenset[str]]:
    """Returns the terms of every normalised label and alternative label."""
    found: dict[str, set[str]] = {}
    for row in _rows():
        for label in (row["label"], *row["alternatives"].split(";")):
            if label:
                found.setdefault(normalize_label(label), set()).add(row["number"])
    for name in profile.names():
        for pid, rule in profile.load(name).techniques.items():
            for label in (rule.label, *rule.aliases):
                found.setdefault(normalize_label(label), set()).add(term(pid))
    return {label: frozenset(terms) for label, terms in found.items()}


@cache
def _rows() -> tuple[dict[str, str], ...]:
    text = (files("portal_shared") / "data" / "panet.csv").read_text("utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def broader(of: str) -> frozenset[str]:
    """Returns the term and all its broader terms."""
    found, left = {of}, [of]
    while left:
        for parent in _parents().get(left.pop(), frozenset()) - found:
            found.add(parent)
            left.append(parent)
    return frozenset(found)


def find_terms(name: str) -> frozenset[str]:
    """Returns the terms with this label or alternative label."""
    return _labels().get(normalize_label(name), frozenset())


@cache
def names_of(of: str) -> tuple[str, ...]:
    """Returns label and alternative labels of a term, for searching."""
    return tuple(sorted(label for label, terms in _labels().items() if of in terms))
