"""Parses queries by grammar.lark: `SELECT …`, the old form `Bean [condition] <-> …`, and get's."""

from functools import lru_cache
from importlib.resources import files
from typing import Literal

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError

from portal_local.icat.errors import IcatError, bad_parameter
from portal_local.icat.jpql.builder import Builder
from portal_local.icat.jpql.syntax import Query

_MAX_DEPTH = 60
_MAX_OPERATORS = 200
_MAX_CACHED_CHARACTERS = 4096
_NESTED = frozenset({"group", "aggregate", "call"})  # rules whose values hold others
_PARSER = Lark(
    files("portal_local.icat.jpql").joinpath("grammar.lark").read_text(encoding="utf-8"),
    parser="lalr",
    start=["search", "get"],
)

_VALUES = frozenset({"PATH", "STRING", "NUMBER", "TIMESTAMP"})
_VALUE_STARTS = _VALUES | {
    "AGGREGATE", "FUNCTION", "SIGN", "LPAR", "_USER", "_NOW", "_TRUE", "_FALSE", "NOT", "DISTINCT",
}  # fmt: skip
_OPERATORS = frozenset({"SIGN", "FACTOR"})
_OPERATOR_STARTS = _OPERATORS | {
    "COMPARISON", "NOT", "_AND", "_BETWEEN", "_IN", "_IS", "_LIKE", "_OR",
}  # fmt: skip
_PHRASES = {
    "$END": "the end",
    "AGGREGATE": "COUNT, MIN, MAX, SUM or AVG",
    "COMMA": "','",
    "DIRECTION": "ASC or DESC",
    "GET_VARIABLE": "a variable",
    "INCLUDE_VARIABLE": "a variable",
    "LPAR": "'('",
    "LSQB": "'['",
    "NAME": "a name",
    "NUMBER": "a number",
    "OLD_PATH": "the name of a bean",
    "PATH": "a path",
    "RPAR": "')'",
    "RSQB": "']'",
    "STATE": "NULL or EMPTY",
    "STRING": "a string",
    "VARIABLE": "a variable",
    "_LINK": "'<->'",
}


def parse_search(text: str) -> Query:
    """Parses a query of either form. Raises BAD_PARAMETER."""
    return _parse_repeated(text, "search")


def parse_get(text: str) -> Query:
    """Parses the query of a get: a bean and what to include. Raises BAD_PARAMETER."""
    return _parse_repeated(text, "get")


def _parse_repeated(text: str, start: Literal["search", "get"]) -> Query:
    """Parses short texts only once: rules and the queries of clients repeat."""
    parse = _parse_cached if len(text) <= _MAX_CACHED_CHARACTERS else _parse
    return parse(text, start)


def _parse(text: str, start: Literal["search", "get"]) -> Query:
    try:
        tree = _PARSER.parse(text, start=start)
    except UnexpectedInput as error:
        raise _unexpected(text, error) from error
    _check_size(tree)
    try:
        return Builder("$0" if tree.data == "old" else "").transform(tree)
    except VisitError as error:
        if isinstance(error.orig_exc, IcatError):
            raise error.orig_exc from error
        raise


_parse_cached = lru_cache(maxsize=1024)(_parse)


def _check_size(tree: Tree[Token]) -> None:
    """Raises BAD_PARAMETER for a tree that would exhaust the stack, here or in SQLite."""
    operators = 0
    pending = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        operators += node.data == "arithmetic"
        depth += node.data in _NESTED
        if depth >= _MAX_DEPTH:
            raise bad_parameter(f"the query is nested more than {_MAX_DEPTH} levels deep")
        if operators > _MAX_OPERATORS:
            raise bad_parameter(f"the query has more than {_MAX_OPERATORS} sums and products")
        pending += [(child, depth) for child in node.children if isinstance(child, Tree)]


def _unexpected(text: str, error: UnexpectedInput) -> IcatError:
    if isinstance(error, UnexpectedCharacters):
        at = error.pos_in_stream
        return bad_parameter(f"unexpected {text[at:][:20]!r} at character {at} of the query")
    found, at = "the end", len(text)
    if not isinstance(error, UnexpectedToken):
        return bad_parameter(f"unexpected {found} at character {at} of the query")
    if error.token.type != "$END":
        found, at = repr(str(error.token)[:40]), error.token.start_pos
    expected = _phrases(set(error.accepts or error.expected))
    return bad_parameter(f"unexpected {found} at character {at} of the query, expected {expected}")


def _phrases(terminals: set[str]) -> str:
    """Describes the terminals that the grammar allows at a place."""
    phrases: set[str] = set()
    if terminals >= _VALUES:
        terminals -= _VALUE_STARTS
        phrases.add("a value")
    if terminals >= _OPERATORS:
        terminals -= _OPERATOR_STARTS
        phrases.add("an operator")
    for terminal in terminals:
        phrases.add(_PHRASES.get(terminal, terminal.strip("_").replace("_", " ")))
    *first, last = sorted(phrases)
    return f"{', '.join(first)} or {last}" if first else last
