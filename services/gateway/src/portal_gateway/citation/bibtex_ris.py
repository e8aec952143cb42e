"""Writes a citation as CSL JSON, BibTeX or RIS."""

import re
from typing import Any

from portal_gateway.citation.cited_record import CitedRecord, Part

_BIBTEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def csl_json(cited: CitedRecord) -> dict[str, Any]:
    """Returns one item of CSL JSON."""
    rights = cited.items("rightsList")
    made: dict[str, Any] = {
        "id": cited.address,
        "type": "dataset",
        "title": cited.title,
        "author": [_csl_name(c) for c in cited.items("creators")],
        "issued": {"date-parts": [[int(cited.year)]]} if cited.year else None,
        "publisher": cited.publisher,
        "DOI": cited.doi,
        "URL": cited.address,
        "version": cited.metadata.get("version"),
        "abstract": cited.abstract,
        "keyword": ", ".join(cited.keywords) or None,
        "language": cited.metadata.get("language"),
        "license": rights[0]["rightsUri"] if rights else None,
    }
    return {name: value for name, value in made.items() if value not in (None, [])}


def _csl_name(person: Part) -> dict[str, str]:
    if person.get("familyName"):
        return {"family": person["familyName"], "given": person["givenName"]}
    return {"literal": person["name"]}


def bibtex(cited: CitedRecord) -> str:
    """Returns one entry; its key is the DOI or pid without characters that BibTeX forbids."""
    rights = cited.items("rightsList")
    fields = {
        "author": " and ".join(_bibtex_name(c) for c in cited.items("creators")),
        "title": f"{{{_escaped(cited.title)}}}",
        "year": cited.year,
        "publisher": _escaped(cited.publisher),
        "version": cited.metadata.get("version"),
        "doi": cited.doi,
        "url": cited.address,
        "keywords": _escaped(", ".join(cited.keywords)),
        "language": cited.metadata.get("language"),
        "copyright": _escaped(rights[0]["rights"]) if rights else None,
        "abstract": _escaped(cited.abstract or ""),
    }
    key = re.sub(r"[^A-Za-z0-9._:/-]+", "-", cited.doi or cited.pid)
    lines = "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items() if text)
    return f"@misc{{{key},\n{lines}}}\n"


def _bibtex_name(person: Part) -> str:
    if person.get("familyName"):
        return f"{_escaped(person['familyName'])}, {_escaped(person['givenName'])}"
    return f"{{{_escaped(person['name'])}}}"


def _escaped(text: str) -> str:
    return " ".join(text.split()).translate(_BIBTEX)


def ris(cited: CitedRecord) -> str:
    """Returns one entry."""
    kind = "DATA" if cited.level == "dataset" else "AGGR"
    rows = [("TY", kind), ("T1", cited.title)]
    rows += [("AU", str(c["name"])) for c in cited.items("creators")]
    rows += [
        ("PY", cited.year or ""),
        ("PB", cited.publisher),
        ("DO", cited.doi or ""),
        ("UR", cited.address),
        ("ET", str(cited.metadata.get("version") or "")),
        ("AB", cited.abstract or ""),
        ("LA", str(cited.metadata.get("language") or "")),
    ]
    rows += [("KW", keyword) for keyword in cited.keywords]
    lines = [f"{tag}  - {' '.join(text.split())}" for tag, text in rows if text]
    return "\r\n".join([*lines, "ER  - ", ""])
