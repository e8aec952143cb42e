"""Builds the table of techniques from a release of PaNET.

    python shared/tools/build_panet.py PaNET.csv --version 1.3.0

PaNET.csv is the ontology's own source (https://github.com/pan-ontologies/PaNET, source/PaNET.csv),
a template of the tool ROBOT. Broader terms that follow from its definitions are added: a class
defined as "A and B" is below both, and above everything that is below both.
"""

import argparse
import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from portal_shared.runtime.errors import Invalid

DATA = Path(__file__).parents[1] / "src" / "portal_shared" / "data"
LICENSE = "CC-BY-4.0"
SOURCE = "https://github.com/pan-ontologies/PaNET"
HEAD = ("number", "label", "alternatives", "parents")
_IRI = re.compile(r"PaNET(\d{5,7})$")
_TOKEN = re.compile(r"'([^']*)'|PaNET:(PaNET\d{5,7})|(\bsome\b)|(\band\b)|[()\s]+")
_SPECIFIER = re.compile(r"PaNET[12]\d{6}")  # probes, processes, purposes: no techniques
Atom = tuple[str, str]  # property and what it has some of; ("", class) for a class


@dataclass
class Term:
    label: str
    alternatives: list[str]
    above: set[Atom] = field(default_factory=set[Atom])  # its stated broader classes and properties
    definition: set[Atom] = field(
        default_factory=set[Atom]
    )  # conditions that are sufficient for the class


def read(text: str) -> tuple[dict[str, Term], dict[str, str]]:
    """Returns terms by number, and the class that each property implies. Raises Invalid."""
    rows = list(csv.reader(io.StringIO(text)))
    kinds = rows[1] if len(rows) > 1 else []
    if "ID" not in kinds or "EC %" not in kinds:
        raise Invalid(
            "is not the source of PaNET: its second line has no ID and EC %", field="file"
        )
    numbers = {
        one[kinds.index("A rdfs:label")]: n for one in rows[2:] if (n := _number(one, kinds))
    }
    terms: dict[str, Term] = {}
    domains: dict[str, str] = {}
    for row in rows[2:]:
        number = _number(row, kinds)
        if number is None:
            continue
        cells = list(zip(kinds, row, strict=False))
        label = next(c for k, c in cells if k == "A rdfs:label")
        if _cell(cells, "DOMAIN"):
            domains[label] = numbers.get(_cell(cells, "DOMAIN"), "")
            continue
        term = terms.setdefault(number, Term(label, []))
        term.alternatives += [c for k, c in cells if k.endswith("#altLabel") and c]
        term.above |= set(_atoms(cells, "SC %", numbers))
        term.definition |= set(_atoms(cells, "EC %", numbers))
    for term in terms.values():
        term.above |= term.definition
    return terms, domains


def _number(row: Sequence[str], kinds: Sequence[str]) -> str | None:
    found = _IRI.search(row[kinds.index("ID")]) if len(row) > kinds.index("ID") else None
    return f"PaNET{found[1]}" if found else None


def _cell(cells: Sequence[tuple[str, str]], kind: str) -> str:
    return next((c for k, c in cells if k == kind), "")


def _atoms(
    cells: Sequence[tuple[str, str]], kind: str, numbers: Mapping[str, str]
) -> Iterator[Atom]:
    """Yields the atoms of expressions of one kind: names, 'p' some 'x', joined by `and`."""
    for _, text in (c for c in cells if c[0] == kind):
        expression = text.strip()
        if expression in ("", "owl:Thing") or "://" in expression:
            continue
        if expression in numbers:
            yield "", numbers[expression]
            continue
        relation = ""
        for token in _TOKEN.finditer(expression):
            name, number, some, _ = token.groups()
            if some or (name is None and number is None):
                continue
            if name is not None and expression[token.end() :].lstrip().startswith("some"):
                relation = name
                continue
            yield relation, number or _known(name or "", numbers)
            relation = ""


def _known(name: str, numbers: Mapping[str, str]) -> str:
    if name not in numbers:
        raise Invalid(f"the class {name!r} is not known", field="file")
    return numbers[name]


def broader(terms: Mapping[str, Term], domains: Mapping[str, str]) -> dict[str, set[str]]:
    """Returns all broader classes of each class, stated or inferred, without itself."""
    atoms_of: dict[str, set[Atom]] = {n: {("", n), *t.above} for n, t in terms.items()}
    changed = True
    while changed:
        changed = False
        for atoms in atoms_of.values():
            more = set(_implied(atoms, atoms_of, domains))
            more |= {
                ("", n) for n, t in terms.items() if t.definition and t.definition <= (atoms | more)
            }
            if not more <= atoms:
                atoms.update(more)
                changed = True
    return {n: {c for p, c in atoms if not p and c != n} for n, atoms in atoms_of.items()}


def _implied(
    atoms: set[Atom], atoms_of: Mapping[str, set[Atom]], domains: Mapping[str, str]
) -> Iterator[Atom]:
    for name, of in atoms:
        if not name:
            yield from atoms_of.get(of, ())
            continue
        yield from ((name, above) for kind, above in atoms_of.get(of, ()) if not kind)
        if domains.get(name):
            yield "", domains[name]


def table(text: str) -> str:
    """Returns the techniques with their nearest broader ones as CSV."""
    terms, domains = read(text)
    above = broader(terms, domains)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(HEAD)
    for number, term in sorted(terms.items()):
        if not _SPECIFIER.fullmatch(number):
            nearest = ";".join(sorted(_nearest(number, above)))
            writer.writerow(
                [number, term.label, ";".join(dict.fromkeys(term.alternatives)), nearest]
            )
    return written.getvalue()


def _nearest(of: str, above: Mapping[str, set[str]]) -> set[str]:
    """Returns the broader classes that are not above another broader class."""
    strictly = {o for o in above[of] if of not in above[o]}
    return {
        one
        for one in above[of]
        if not any(one in above[o] and o not in above[one] for o in strictly - {one})
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the table of techniques from PaNET.csv.")
    parser.add_argument("file", type=Path, help="source/PaNET.csv of a release")
    parser.add_argument("--version", required=True, help="of the release")
    given = parser.parse_args(arguments)
    try:
        made = table(given.file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, Invalid) as error:
        sys.stderr.write(f"{given.file}: {error}\n")
        return 1
    about = {"name": "PaNET", "version": given.version, "license": LICENSE, "source": SOURCE}
    (DATA / "panet.csv").write_text(made, "utf-8")
    (DATA / "panet.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    sys.stdout.write(f"{made.count(chr(10)) - 1} techniques of PaNET {given.version}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
