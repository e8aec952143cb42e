"""Compiles like patterns and regular expressions with RE2, which does not backtrack."""

from typing import Any

import re2

from portal_gateway.errors import BadRequest
from portal_gateway.filters.ast import Test

MAX_LIKE_CHARACTERS, MAX_REGEXP_CHARACTERS = 4000, 1000
MAX_PATTERN_BYTES = 1 << 18  # of a compiled expression; larger ones are also slow
_FLAGS = {"i": "i", "m": "m", "s": "s", "g": "", "u": ""}


def compile_like(pattern: str, *, case: bool) -> Test:
    """Returns a test whether the pattern occurs in a text.

    % matches any characters, _ one character.
    """
    wanted = (pattern if case else pattern.casefold()).strip("%")
    if "%" not in wanted and "_" not in wanted:
        if case:
            return lambda text: wanted in text
        return lambda text: wanted in text.casefold()
    parts = {"%": ".*", "_": "."}
    expression = "(?s)" + "".join(parts.get(c) or str(re2.escape(c)) for c in wanted)
    found = _compile(expression, pattern, MAX_LIKE_CHARACTERS)
    min_length = len(wanted) - wanted.count("%")
    if case:
        return lambda text: len(text) >= min_length and found(text)
    return lambda text: len(folded := text.casefold()) >= min_length and found(folded)


def compile_regexp(expression: str) -> Test:
    """Returns a test for an expression such as `^x`, or `/^x/i` with flags."""
    flags = ""
    plain = expression
    if len(expression) > 1 and expression.startswith("/"):
        body, slash, tail = expression[1:].rpartition("/")
        if slash and all(c in _FLAGS for c in tail):
            plain, flags = body, "".join(sorted({_FLAGS[c] for c in tail}))
    return _compile(f"(?{flags})" + plain if flags else plain, expression, MAX_REGEXP_CHARACTERS)


def _compile(expression: str, given: str, max_characters: int) -> Test:
    if len(given) > max_characters:
        raise BadRequest(f"The expression is longer than {max_characters} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_PATTERN_BYTES
    try:
        found = re2.compile(expression, options).search
    except (re2.error, ValueError, OverflowError) as error:
        cause: Any = error.args[0] if error.args else error
        reason = cause.decode("utf-8", "replace") if isinstance(cause, bytes) else str(cause)
        raise BadRequest(f"The expression {given[:100]} cannot be used: {reason}") from error
    return lambda text: found(text) is not None
