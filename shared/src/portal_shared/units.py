"""Conversion of units by way of SI: names, prefixes, products and powers (PaNOSC API, §8).

A unit is a factor and an offset to SI and a dimension: si = (value + offset) * factor.
"""

import math
import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

Dimension = tuple[tuple[str, Fraction], ...]  # base name and exponent, sorted by name


@dataclass(frozen=True)
class Unit:
    factor: float
    dimension: Dimension
    offset: float = 0.0  # added to the value before the factor

    def to_si(self, value: float) -> float:
        return (value + self.offset) * self.factor

    def from_si(self, value: float) -> float:
        return value / self.factor - self.offset


# symbol, SI factor, dimension, may take a prefix, long name and aliases (any case)
_TABLE: tuple[tuple[str, float, str, bool, tuple[str, ...]], ...] = (
    ("m", 1.0, "length", True, ("meter", "metre")),
    ("angstrom", 1e-10, "length", False, ("\u00c5",)),
    ("micron", 1e-6, "length", False, ()),
    ("rad", 1.0, "angle", True, ("radian",)),
    ("deg", math.pi / 180, "angle", False, ("degree", "\u00b0")),
    ("grad", math.pi / 200, "angle", False, ("gradian",)),
    ("arcmin", math.pi / 10800, "angle", False, ("arcminute",)),
    ("arcsec", math.pi / 648000, "angle", False, ("arcsecond",)),
    ("s", 1.0, "time", True, ("second", "sec")),
    ("min", 60.0, "time", False, ("minute", "mins")),
    ("h", 3600.0, "time", False, ("hour", "hr", "hrs")),
    ("day", 86400.0, "time", False, ()),
    ("a", 31557600.0, "time", False, ("year",)),
    ("Hz", 1.0, "frequency", True, ("hertz",)),
    ("g", 1e-3, "mass", True, ("gram",)),
    ("A", 1.0, "current", True, ("ampere", "amp")),
    ("K", 1.0, "temperature", True, ("kelvin",)),
    ("mol", 1.0, "amount", True, ("mole",)),
    ("cd", 1.0, "light", True, ("candela",)),
    ("N", 1.0, "force", True, ("newton",)),
    ("J", 1.0, "energy", True, ("joule",)),
    ("erg", 1e-7, "energy", False, ()),
    ("Wh", 3600.0, "energy", True, ()),
    ("eV", 1.602176634e-19, "energy", True, ("electronvolt",)),
    ("W", 1.0, "power", True, ("watt",)),
    ("Pa", 1.0, "pressure", True, ("pascal",)),
    ("bar", 1e5, "pressure", True, ("bar",)),
    ("atm", 101325.0, "pressure", False, ()),
    ("torr", 101325.0 / 760, "pressure", False, ("Torr",)),
    ("psi", 6894.757293168, "pressure", False, ()),
    ("C", 1.0, "charge", True, ("coulomb",)),
    ("V", 1.0, "voltage", True, ("volt",)),
    ("ohm", 1.0, "resistance", True, ("ohm", "\u03a9", "\u2126")),
    ("F", 1.0, "capacitance", True, ("farad",)),
    ("Wb", 1.0, "magnetic flux", True, ("weber",)),
    ("T", 1.0, "magnetic field", True, ("tesla",)),
    ("H", 1.0, "inductance", True, ("henry",)),
    ("S", 1.0, "conductance", True, ("siemens",)),
    ("b", 1.0, "information", True, ("bit",)),
    ("B", 8.0, "information", True, ("byte",)),
)
_TEMPERATURES = {
    "celsius": Unit(1.0, (("temperature", Fraction(1)),), 273.15),
    "fahrenheit": Unit(5 / 9, (("temperature", Fraction(1)),), 459.67),
}
_TEMPERATURE_NAMES = {
    "celsius": "celsius", "degC": "celsius", "\u00b0C": "celsius",
    "fahrenheit": "fahrenheit", "degF": "fahrenheit", "\u00b0F": "fahrenheit",
}  # fmt: skip
_PREFIXES = {
    "y": -24, "z": -21, "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "\u03bc": -6, "m": -3,
    "c": -2, "d": -1, "da": 1, "h": 2, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
    "Z": 21, "Y": 24,
}  # fmt: skip
_LONG_PREFIXES = {
    "yocto": -24, "zepto": -21, "atto": -18, "femto": -15, "pico": -12, "nano": -9, "micro": -6,
    "milli": -3, "centi": -2, "deci": -1, "deca": 1, "hecto": 2, "kilo": 3, "mega": 6, "giga": 9,
    "tera": 12, "peta": 15, "exa": 18, "zetta": 21, "yotta": 24,
}  # fmt: skip
MAX_NAME_CHARS = 100


def normalize(name: str) -> str:
    """Returns a name for comparisons: NFKC, trimmed, with single blanks."""
    return " ".join(unicodedata.normalize("NFKC", name).split())


def _base(dimension: str) -> Dimension:
    return ((dimension, Fraction(1)),)


def _exact() -> dict[str, Unit]:
    known: dict[str, Unit] = {}
    for symbol, factor, dimension, _, names in _TABLE:
        unit = Unit(factor, _base(dimension))
        for name in (symbol, *names):
            known[normalize(name)] = unit
    known.update({normalize(n): _TEMPERATURES[t] for n, t in _TEMPERATURE_NAMES.items()})
    return known


def _long() -> dict[str, Unit]:
    """Returns the long names in lower case, singular and plural."""
    known: dict[str, Unit] = {}
    for symbol, factor, dimension, _, names in _TABLE:
        for name in (symbol, *names):
            if len(name) >= 3 and name.isascii():  # noqa: PLR2004  # words, not symbols
                known[name.lower()] = known[name.lower() + "s"] = Unit(factor, _base(dimension))
    for name, which in _TEMPERATURE_NAMES.items():
        if which == name:
            known[name] = _TEMPERATURES[which]
    return known


_EXACT, _LONG = _exact(), _long()
_PREFIXABLE = {row[0]: Unit(row[1], _base(row[2])) for row in _TABLE if row[3]}
_PREFIXABLE_LONG = {n: Unit(r[1], _base(r[2])) for r in _TABLE if r[3] for n in r[4] if n.isascii()}
_SIGNS = str.maketrans({"\u2212": "-", "\u00b7": "*", "\u22c5": "*", "\u00d7": "*"})
_TOKEN = re.compile(r"( ?[*/] ?| |)([^\s*/^0-9+-]+)(\^?[+-]?\d{1,2}|)")


def _simple(name: str) -> Unit | None:
    if name in _EXACT:
        return _EXACT[name]
    for prefix, power in _PREFIXES.items():
        unit = _PREFIXABLE.get(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if unit is None and name.startswith(prefix) and name[len(prefix) :] == "\u03a9":
            unit = _PREFIXABLE["ohm"]
        if unit:
            return Unit(unit.factor * 10.0**power, unit.dimension)
    lower = name.lower()
    if lower in _LONG:
        return _LONG[lower]
    for prefix, power in _LONG_PREFIXES.items():
        rest = lower.removeprefix(prefix)
        unit = _PREFIXABLE_LONG.get(rest) or _PREFIXABLE_LONG.get(rest.removesuffix("s"))
        if lower.startswith(prefix) and unit:
            return Unit(unit.factor * 10.0**power, unit.dimension)
    return None


def _compound(name: str) -> Unit | None:
    """Parses `W/cm^2`, `fs^2`, `m s^-1`, `1/s`; a slash applies to the next unit only."""
    factor, powers = 1.0, dict[str, Fraction]()
    text = name.replace("**", "^").translate(_SIGNS)
    inverse = text.startswith(("1/", "1 /"))
    text = text[1:] if inverse else text
    tokens = _TOKEN.findall(text)
    if not tokens or "".join(op + unit + power for op, unit, power in tokens) != text:
        return None
    for number, (operator, symbol, exponent) in enumerate(tokens):
        unit = _simple(symbol)
        if unit is None or unit.offset or bool(operator) != bool(number or inverse):
            return None
        power = int(exponent.lstrip("^") or 1) * (-1 if "/" in operator else 1)
        factor *= unit.factor**power
        for base, one in unit.dimension:
            powers[base] = powers.get(base, Fraction(0)) + one * power
    if not math.isfinite(factor) or factor == 0:
        return None
    return Unit(factor, tuple(sorted((b, e) for b, e in powers.items() if e)))


def find(name: str | None, parameter: str = "") -> Unit | None:
    """Returns the unit, or None. `C` and `F` are degrees if the parameter is a temperature."""
    if not name or len(name) > MAX_NAME_CHARS:
        return None
    return _find_cached(name, warm="temperature" in parameter.lower())


@lru_cache(maxsize=4096)
def _find_cached(name: str, *, warm: bool) -> Unit | None:
    plain = normalize(name)
    if warm and plain in ("C", "F"):
        return _TEMPERATURES["celsius" if plain == "C" else "fahrenheit"]
    return _simple(plain) or _compound(plain)


def convert(
    value: float, source: str | None, target: str | None, parameter: str = ""
) -> float | None:
    """Returns `value` in the unit `target`, rounded to 12 digits; None if it does not convert."""
    a, b = find(source, parameter), find(target, parameter)
    if a is None or b is None or a.dimension != b.dimension:
        return None
    converted = b.from_si(a.to_si(value))
    return float(f"{converted:.12g}") if math.isfinite(converted) else None
