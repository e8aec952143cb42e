"""Patterns of readers as tests of a text, without backtracking."""

from typing import Any

import re2

from portal_gateway.errors import Refused
from portal_gateway.filters.ast import Test

LONGEST_LIKE, LONGEST_REGEXP = 4000, 1000  # characters
MOST_MEMORY = 1 << 18  # bytes of an expression: larger ones are slow, too
_FLAGS = {"i": "i", "m": "m", "s": "s", "g": "", "u": ""}


def like(pattern: str, *, case: bool) -> Test:
    """It occurs somewhere: % is any run, _ any one character, all else itself."""
    wanted = (pattern if case else pattern.casefold()).strip("%")
    if "%" not in wanted and "_" not in wanted:
        if case:
            return lambda text: wanted in text
        return lambda text: wanted in text.casefold()
    parts = {"%": ".*", "_": "."}
    expression = "(?s)" + "".join(parts.get(c) or re2.escape(c) for c in wanted)
    found = _compiled(expression, pattern, LONGEST_LIKE)
    least = len(wanted) - wanted.count("%")
    if case:
        return lambda text: len(text) >= least and found(text)
    return lambda text: len(folded := text.casefold()) >= least and found(folded)


def regexp(expression: str) -> Test:
    """`^x`, or `/^x/i` with flags."""
    flags = ""
    plain = expression
    if len(expression) > 1 and expression.startswith("/"):
        body, slash, tail = expression[1:].rpartition("/")
        if slash and all(c in _FLAGS for c in tail):
            plain, flags = body, "".join(sorted({_FLAGS[c] for c in tail}))
    return _compiled(f"(?{flags})" + plain if flags else plain, expression, LONGEST_REGEXP)


def _compiled(expression: str, told: str, longest: int) -> Test:
    if len(told) > longest:
        raise Refused(f"The expression is longer than {longest} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MOST_MEMORY
    try:
        found = re2.compile(expression, options).search
    except (re2.error, ValueError, OverflowError) as error:
        said: Any = error.args[0] if error.args else error
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise Refused(f"The expression {told[:100]} cannot be used: {reason}") from error
    return lambda text: found(text) is not None
