"""Writes a citation as CSL JSON, BibTeX or RIS."""

import re
from typing import Any

from portal_gateway.citation.cited_record import CitedRecord, Part

_BIBTEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"{\textbraceleft}",  # braces count even behind a backslash
        "}": r"{\textbraceright}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)
_VERBATIM_LIMITS = frozenset("{}\\")  # what cannot be escaped in a field such as `doi`
_DIVIDER = re.compile(r",|\band\b", re.IGNORECASE)


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
        "license": rights[0].get("rightsUri", rights[0]["rights"]) if rights else None,
        "dimensions": _bytes(cited),
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
        "version": _escaped(cited.metadata.get("version") or ""),
        "doi": None if _VERBATIM_LIMITS.intersection(cited.doi or "") else cited.doi,
        "url": cited.address,
        "keywords": _escaped(", ".join(cited.keywords)),
        "language": _escaped(cited.metadata.get("language") or ""),
        "copyright": _escaped(rights[0]["rights"]) if rights else None,
        "note": _bytes(cited),
        "abstract": _escaped(cited.abstract or ""),
    }
    key = re.sub(r"[^A-Za-z0-9._:/-]+", "-", cited.doi or cited.pid)
    lines = "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items() if text)
    return f"@misc{{{key},\n{lines}}}\n"


def _bibtex_name(person: Part) -> str:
    if person.get("familyName"):
        return f"{_name_part(person['familyName'])}, {_name_part(person['givenName'])}"
    return f"{{{_escaped(person['name'])}}}"


def _name_part(text: str) -> str:
    """Returns a part of a name, in braces if BibTeX would divide it."""
    escaped = _escaped(text)
    return f"{{{escaped}}}" if _DIVIDER.search(text) else escaped


def _escaped(text: str) -> str:
    return " ".join(text.split()).translate(_BIBTEX)


def _bytes(cited: CitedRecord) -> str | None:
    """Returns the size of all files in words."""
    return None if cited.bytes is None else f"{cited.bytes} bytes"


def ris(cited: CitedRecord) -> str:
    """Returns one entry."""
    rights = cited.items("rightsList")
    kind = "DATA" if cited.level == "dataset" else "AGGR"
    rows = [("TY", kind), ("T1", cited.title)]
    rows += [("AU", str(c["name"])) for c in cited.items("creators")]
    rows += [
        ("PY", cited.year or ""),
        ("PB", cited.publisher),
        ("DO", cited.doi or ""),
        ("UR", cited.address),
        ("ET", str(cited.metadata.get("version") or "")),
        ("C1", f"Licence: {rights[0]['rights']}" if rights else ""),
        ("N1", _bytes(cited) or ""),
        ("AB", cited.abstract or ""),
        ("LA", str(cited.metadata.get("language") or "")),
    ]
    rows += [("KW", keyword) for keyword in cited.keywords]
    lines = [f"{tag}  - {' '.join(text.split())}" for tag, text in rows if text]
    return "\r\n".join([*lines, "ER  - ", ""])
