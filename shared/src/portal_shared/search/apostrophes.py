"""Words with apostrophes: Crohn's, O'Brien, l'hôpital. A letter that is left over is no word."""

import re
from collections.abc import Iterator

SIGNS = "'\u2019\u2018\u02bc\u02b9\u2032\uff07`\u00b4"
_SIGN = re.compile(f"[{SIGNS}]+")
_POSSESSIVE = re.compile(rf"(?<=[^\W_])[{SIGNS}]s(?![^\W_{SIGNS}])", re.IGNORECASE)
_WITH_SIGN = re.compile(rf"[^\W_]+(?:[{SIGNS}]+[^\W_]+)+")


def without(text: str) -> str:
    """Returns the text without possessive s, and without the letters that an apostrophe cuts off.

    Crohn's becomes Crohn, l'hôpital becomes hôpital, O'Brien becomes Brien, 1'024 becomes 1 024.
    """
    plain = _POSSESSIVE.sub("", text)
    return _SIGN.sub(" ", _WITH_SIGN.sub(lambda m: " ".join(_parts(m[0])), plain))


def forms(text: str) -> Iterator[str]:
    """Yields for each word with an apostrophe the words by which people search it."""
    for word in _WITH_SIGN.findall(text):
        yield from _parts(_POSSESSIVE.sub("", word))
        yield _SIGN.sub("", word)


def _parts(word: str) -> list[str]:
    parts = _SIGN.split(word)
    return [part for part in parts if len(part) > 1 or part.isdigit()] or ["".join(parts)]
