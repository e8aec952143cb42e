"""Conversion of units by way of SI: names, prefixes, products and powers (PaNOSC API, units).

A unit is a factor and an offset to SI and a dimension: si = (value + offset) * factor. The names
are in unit_table; a symbol with two meanings (C, F, A) is read by the name of its parameter.
"""

import math
import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from portal_shared import unit_table as table

Dimension = tuple[tuple[str, Fraction], ...]  # base quantity and exponent, sorted by name
MAX_NAME_CHARS = 100
MIN_WORD = 3  # letters of a long name; shorter ones are symbols
SAME = 1e-12  # relative difference of factors of one unit that is written in two ways


@dataclass(frozen=True)
class Unit:
    factor: float
    dimension: Dimension
    offset: float = 0.0  # added to the value before the factor

    def to_si(self, value: float) -> float:
        return (value + self.offset) * self.factor

    def from_si(self, value: float) -> float:
        return value / self.factor - self.offset

    def is_same(self, other: "Unit") -> bool:
        """Whether both are one unit: mL and cm^3, keV and 1000 eV are not."""
        return (
            self.dimension == other.dimension
            and self.offset == other.offset
            and math.isclose(self.factor, other.factor, rel_tol=SAME)
        )

    def scaled(self, factor: float) -> "Unit":
        return Unit(self.factor * factor, self.dimension)


def normalize(name: str) -> str:
    """Returns a name for comparisons: NFKC, trimmed, with single blanks."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


def _dimension(text: str) -> Dimension:
    """Parses `mass length^2 time^-2`."""
    parts = (part.partition("^") for part in text.split())
    return tuple(sorted((base, Fraction(power or 1)) for base, _, power in parts))


_KELVIN = _dimension("temperature")
_CELSIUS, _FAHRENHEIT = Unit(1.0, _KELVIN, 273.15), Unit(5 / 9, _KELVIN, 459.67)
_UNITS = {row[0]: Unit(row[1], _dimension(row[2])) for row in table.ROWS}
_OFFSET_NAMES = dict.fromkeys(table.CELSIUS, _CELSIUS) | dict.fromkeys(
    table.FAHRENHEIT, _FAHRENHEIT
)
_EXACT = {
    **{normalize(name): _UNITS[row[0]] for row in table.ROWS for name in (row[0], *row[4])},
    **{normalize(name): unit for name, unit in _OFFSET_NAMES.items()},
}
_LONG = {  # names that are words, in lower case, singular and plural
    name.lower() + plural: unit
    for name, unit in _EXACT.items()
    for plural in ("", "s")
    if len(name) >= MIN_WORD
}
_PREFIXED = {row[0]: _UNITS[row[0]] for row in table.ROWS if row[3]}
_PREFIXED_LONG = {
    name.lower(): _UNITS[row[0]]
    for row in table.ROWS
    if row[3]
    for name in row[4]
    if len(name) >= MIN_WORD
}
_SIGNS = str.maketrans({"\u2212": "-", "\u00b7": "*", "\u22c5": "*", "\u00d7": "*"})
_DOT = re.compile(r"(?<=[A-Za-z\u03bc\u00b5\u03a90-9])\.(?=[A-Za-z\u03bc\u00b5\u03a9])")  # g.cm-3
_PER = re.compile(r" per ", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?P<operator> ?[*/] ?| |)"
    r"(?:(?P<symbol>[^\s*/^0-9+()-]+)|\((?P<group>[^()]*)\))"
    r"(?P<power>\^?[+-]?\d{1,2}(?:\.\d{1,2})?|)"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Za-z][a-z]*")


def _simple(name: str) -> Unit | None:
    if name in _EXACT:
        return _EXACT[name]
    lower = name.lower()
    return _with_prefix(name) or _LONG.get(lower) or _with_long_prefix(lower)


def _with_prefix(name: str) -> Unit | None:
    for prefix, power in table.PREFIXES.items():
        rest = name.removeprefix(prefix)
        unit = _PREFIXED.get("ohm" if rest == "\u03a9" else rest) if rest != name else None
        if unit:
            return unit.scaled(10.0**power)
    if name[:1] == "K" and name[1:] in table.LARGE_KILO:
        return _UNITS[name[1:]].scaled(1000.0)
    if name[:2] in table.BINARY_PREFIXES and name[2:] in table.BINARY:
        return _UNITS[name[2:]].scaled(table.BINARY_PREFIXES[name[:2]])
    return None


def _with_long_prefix(lower: str) -> Unit | None:
    for prefix, power in table.LONG_PREFIXES.items():
        rest = lower.removeprefix(prefix)
        unit = _PREFIXED_LONG.get(rest) or _PREFIXED_LONG.get(rest.removesuffix("s"))
        if rest != lower and unit:
            return unit.scaled(10.0**power)
    return None


@dataclass(frozen=True)
class _Names:
    """Reads names of units; some symbols by the words in the name of a parameter."""

    words: frozenset[str] = frozenset()

    def find(self, name: str) -> Unit | None:
        unit = self._single(name) or self._compound(name)
        if unit and unit.offset and self.words & table.DIFFERENCES:
            return Unit(unit.factor, unit.dimension)
        return unit

    def _single(self, name: str) -> Unit | None:
        for symbols, words, not_words, meaning in table.BY_PARAMETER:
            if name in symbols and self.words & words and not self.words & not_words:
                return _EXACT[meaning]
        return _simple(name) or (_simple(name[:-1]) if name.endswith(".") else None)  # min.

    def _compound(self, name: str) -> Unit | None:
        """Parses `W/cm^2`, `fs^2`, `m s^-1`, `1/s`, `J/(kg K)`; degrees are differences.

        A slash applies to the next unit or parenthesis only.
        """
        text = _DOT.sub("*", _PER.sub("/", name.replace("**", "^"))).translate(_SIGNS)
        inverse = text.startswith(("1/", "1 /"))
        tokens = _tokens(text[1:] if inverse else text)
        if not tokens:
            return None
        factor, powers = 1.0, dict[str, Fraction]()
        for number, (operator, symbol, is_group, exponent) in enumerate(tokens):
            unit = self._compound(symbol) if is_group else self._single(symbol)
            if unit is None or bool(operator) != bool(number or inverse):
                return None
            power = Fraction(exponent.lstrip("^") or 1) * (-1 if "/" in operator else 1)
            try:
                factor *= unit.factor**power
            except (OverflowError, ZeroDivisionError):
                return None
            for base, one in unit.dimension:
                powers[base] = powers.get(base, Fraction(0)) + one * power
        if not math.isfinite(factor) or factor == 0:
            return None
        return Unit(factor, tuple(sorted((b, e) for b, e in powers.items() if e)))


def _tokens(text: str) -> list[tuple[str, str, bool, str]]:
    """Returns operator, symbol or group, whether it is a group, and power; none if not all fits."""
    found: list[tuple[str, str, bool, str]] = []
    end = 0
    for token in _TOKEN.finditer(text):
        if token.start() != end:
            return []
        end = token.end()
        group = token["group"]
        symbol = token["symbol"] if group is None else group
        found.append((token["operator"], symbol, group is not None, token["power"]))
    return found if end == len(text) else []


@lru_cache(maxsize=4096)
def _deciding_words(parameter: str) -> frozenset[str]:
    """Returns the words of a parameter's name that decide what its unit means."""
    words = {word.lower() for word in _WORD.findall(parameter)}
    lower = parameter.lower()
    words |= {word for word in ("temperature", "wavelength") if word in lower}
    return frozenset(words & table.DECIDING_WORDS)


def find(name: str | None, parameter: str = "") -> Unit | None:
    """Returns the unit, or None. `parameter` is the name of the parameter that has the unit."""
    if not name or len(name) > MAX_NAME_CHARS:
        return None
    return _find_cached(name, _deciding_words(parameter))


@lru_cache(maxsize=4096)
def _find_cached(name: str, words: frozenset[str]) -> Unit | None:
    return _Names(words).find(normalize(name))


def convert(
    value: float, source: str | None, target: str | None, parameter: str = ""
) -> float | None:
    """Returns `value` in the unit `target`, rounded to 12 digits; None if it does not convert."""
    a, b = find(source, parameter), find(target, parameter)
    if a is None or b is None or a.dimension != b.dimension:
        return None
    converted = b.from_si(a.to_si(value))
    return float(f"{converted:.12g}") if math.isfinite(converted) else None
