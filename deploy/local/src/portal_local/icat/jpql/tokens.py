"""A query's text cut into tokens."""

import re
from dataclasses import dataclass
from typing import Literal

from portal_local.icat.errors import bad_parameter

Kind = Literal["word", "string", "number", "timestamp", "user", "sign", "end"]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*')
    | (?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | \{\s*[tT][sS]\s+'?(?P<timestamp>[^{}']*?)'?\s*\}
    | :(?P<user>user)\b
    | (?P<sign><->|<>|!=|<=|>=|[=<>().,+\-*/\[\]])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    at: int

    @property
    def upper(self) -> str:
        """The word as keywords are compared; empty if it is no word."""
        return self.text.upper() if self.kind == "word" else ""


def tokenize(query: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while not tokens or tokens[-1].kind != "end":
        match = _TOKEN.match(query, position)
        if match is None:
            rest = query[position:].strip()
            raise bad_parameter(f"unexpected {rest[:20]!r} at character {position} of the query")
        kind, text = next((k, v) for k, v in match.groupdict().items() if v is not None)
        if kind == "string":
            text = text[1:-1].replace("''", "'")
        tokens.append(Token(_KINDS[kind], text, match.start(kind)))
        position = match.end()
    return tokens


_KINDS: dict[str, Kind] = {
    "string": "string",
    "number": "number",
    "word": "word",
    "timestamp": "timestamp",
    "user": "user",
    "sign": "sign",
    "end": "end",
}
