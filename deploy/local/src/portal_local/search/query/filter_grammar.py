"""Parses filter expressions in Meilisearch's grammar by recursive descent."""

import re
import sys

from portal_local.search.errors import Failure
from portal_local.search.query.filter_ast import And, Condition, Node, Not, Or, filter_failure

MAX_DEPTH = 36
SURROGATES = range(0xD800, 0xE000)
KEYWORDS = frozenset(
    (
        *("AND", "OR", "IN", "NOT", "TO", "EXISTS", "IS", "NULL", "EMPTY", "CONTAINS", "STARTS"),
        *("WITH", "_geoRadius", "_geoBoundingBox"),
    )
)
OPERATIONS = (
    "`=`, `!=`, `>=`, `>`, `<=`, `<`, `IN`, `NOT IN`, `TO`, `EXISTS`, `NOT EXISTS`, `IS NULL`, "
    "`IS NOT NULL`, `IS EMPTY`, `IS NOT EMPTY`, `CONTAINS`, `NOT CONTAINS`, `STARTS WITH`, "
    "`NOT STARTS WITH`, `_geoRadius`, or `_geoBoundingBox`"
)

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[\w.\-]+")
_OPERATOR = re.compile(r"!=|>=|<=|=|>|<")
_UNTIL_SYNTAX = re.compile(r"[^\s()=<>!]*")
_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}


class Parser:
    """Parses one expression; NOT binds before AND, AND before OR."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def parse(self) -> "Node | None":
        if not self.text.strip():
            return None
        node = self._alternatives(0)
        self._skip()
        if self.at < len(self.text):
            raise self._failure(
                f"Found unexpected characters at the end of the filter: `{self._rest()}`. "
                "You probably forgot an `OR` or an `AND` rule.",
                self.at,
            )
        return node

    def _alternatives(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._failure(
                "The filter exceeded the maximum depth limit. Try rewriting the filter so that it "
                "contains fewer nested conditions.",
                self.at,
            )
        ored: list[Node] = []
        anded = [self._term(depth)]
        while True:
            if self._keyword("AND"):
                anded.append(self._term(depth))
            elif self._keyword("OR"):
                ored.append(_joined(anded))
                anded = [self._term(depth)]
            else:
                ored.append(_joined(anded))
                return ored[0] if len(ored) == 1 else Or(tuple(ored))

    def _term(self, depth: int) -> Node:
        negated = False
        while self._keyword("NOT"):
            negated = not negated
        self._skip()
        if self.text.startswith("(", self.at):
            start = self.at
            self.at += 1
            node = self._alternatives(depth + 1)
            self._skip()
            if not self.text.startswith(")", self.at):
                raise self._failure(
                    f"Expression `{self.text[start:]}` is missing the following closing "
                    "delimiter: `)`.",
                    start,
                )
            self.at += 1
        else:
            node = self._condition()
        return Not(node) if negated else node

    def _condition(self) -> Node:
        self._skip()
        start = self.at
        field = self._field()
        place = self._place(start, self.at)
        match = _OPERATOR.match(self.text, self._skip())
        if match:
            self.at = match.end()
            return Condition(field, match.group(), (self._value(),), place)
        negated = self._keyword("NOT")
        node = self._worded(field, place, negated=negated)
        if node is None and not negated:
            node = self._range(field, place)
        if node is None:
            rest = self.text[start:]
            raise self._failure(f"Was expecting an operation {OPERATIONS} at `{rest}`.", start)
        return Not(node) if negated else node

    def _worded(self, field: str, place: str, *, negated: bool) -> "Node | None":
        if self._keyword("EXISTS"):
            return Condition(field, "EXISTS", (), place)
        if self._keyword("IN"):
            return Condition(field, "IN", self._list(), place)
        if self._keyword("CONTAINS"):
            raise Failure(
                "feature_not_enabled",
                "Using `CONTAINS` in a filter requires enabling the `contains filter` experimental "
                "feature. See https://github.com/orgs/meilisearch/discussions/763",
            )
        if self._keyword("STARTS"):
            if not self._keyword("WITH"):
                return None
            return Condition(field, "STARTS", (self._value(),), place)
        if not negated and self._keyword("IS"):
            inverse = self._keyword("NOT")
            for word in ("NULL", "EMPTY"):
                if self._keyword(word):
                    node = Condition(field, word, (), place)
                    return Not(node) if inverse else node
        return None

    def _range(self, field: str, place: str) -> "Node | None":
        start = self.at
        try:
            low = self._value()
        except Failure:
            self.at = start
            return None
        if not self._keyword("TO"):
            return None
        return Condition(field, "TO", (low, self._value()), place)

    def _field(self) -> str:
        if self.at >= len(self.text):
            raise self._failure(f"Was expecting an operation {OPERATIONS} but instead got nothing.")
        match = _WORD.match(self.text, self.at)
        if match and match.group() in KEYWORDS:
            word = match.group()
            if word.startswith("_geo"):
                raise self._failure(f"`{word}` is not supported: there is no geographic search.")
            raise self._failure(
                f"`{word}` is a reserved keyword and thus cannot be used as a field name unless it "
                f"is put inside quotes. Use \"{word}\" or '{word}' instead.",
                self.at,
            )
        if not match and self.text[self.at] not in "'\"":
            raise self._failure(
                f"Was expecting an operation {OPERATIONS} at `{self._rest()}`.", self.at
            )
        return self._value()

    def _list(self) -> tuple[str, ...]:
        self._skip()
        if not self.text.startswith("[", self.at):
            raise self._failure("Expected `[` after `IN` keyword.", self.at)
        self.at += 1
        values: list[str] = []
        while not self.text.startswith("]", self._skip()):
            values.append(self._value(listed=True))
            if self.text.startswith(",", self._skip()):
                self.at += 1
            elif not self.text.startswith("]", self.at):
                raise self._failure(
                    "Expected matching `]` after the list of field names given to `IN[`", self.at
                )
        self.at += 1
        return tuple(values)

    def _value(self, *, listed: bool = False) -> str:
        start = self._skip()
        quote = self.text[start : start + 1]
        if quote in ("'", '"'):
            return self._quoted(quote)
        match = _WORD.match(self.text, start)
        if match and match.group() not in KEYWORDS:
            self.at = match.end()
            return match.group()
        stop = _UNTIL_SYNTAX.match(self.text, start)
        found = stop.group() if stop else ""
        why = ""
        if match and match.group() == found:
            why = (
                f", which is a reserved keyword. To use `{found}` as a field name or a value, "
                "surround it by quotes"
            )
        if listed:
            raise self._failure(
                "Expected only comma-separated field names inside `IN[..]` but instead found "
                f"`{found}`{why}.",
                start,
            )
        if not found:
            raise self._failure("Was expecting a value but instead got nothing.", start)
        raise self._failure(f"Was expecting a value but instead got `{found}`{why}.", start)

    def _quoted(self, quote: str) -> str:
        start = self.at
        at = start + 1
        while at < len(self.text) and self.text[at] != quote:
            at += 2 if self.text[at] == "\\" else 1
        if at >= len(self.text):
            raise self._failure(
                f"Expression `{self.text[start:]}` is missing the following closing delimiter: "
                f"`{quote}`.",
                start,
            )
        self.at = at + 1
        return _ESCAPE.sub(self._unescaped, self.text[start + 1 : at])

    def _unescaped(self, match: re.Match[str]) -> str:
        code = match.group(1)
        if len(code) == 1:
            return _CONTROLS.get(code, code)
        number = int(code[1:].strip("{}"), 16)
        if number > sys.maxunicode or number in SURROGATES:
            raise self._failure(f"Found an invalid escaped sequence number: `{match.group()}`.")
        return chr(number)

    def _keyword(self, word: str) -> bool:
        match = _WORD.match(self.text, self._skip())
        if not match or match.group() != word:
            return False
        self.at = match.end()
        return True

    def _skip(self) -> int:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def _rest(self) -> str:
        return self.text[self.at :]

    def _place(self, start: int, end: int) -> str:
        return f"{start + 1}:{end + 1} {self.text}"

    def _failure(self, message: str, start: int | None = None) -> Failure:
        begin = len(self.text) if start is None else start
        return filter_failure(f"{message}\n{self._place(begin, len(self.text))}")


def _joined(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))
