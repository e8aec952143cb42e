"""The table of units: symbols, factors to SI, dimensions, prefixes, long names.

Factors: SI brochure (9th edition), NIST SP 811 (2008) appendix B, CODATA 2018. Names of PaNOSC
(search API, units) keep their meaning. `rad` is the radian and `b` the bit, never the dose or the
barn.
"""

import math

ROWS: tuple[tuple[str, float, str, bool, tuple[str, ...]], ...] = (
    # symbol, factor to SI, dimension, may take a prefix, long names and aliases
    ("m", 1.0, "length", True, ("meter", "metre")),
    ("angstrom", 1e-10, "length", False, ("\u00c5", "\u00e5ngstr\u00f6m", "\u00c5ngstr\u00f6m")),
    ("micron", 1e-6, "length", False, ("\u03bc",)),
    ("inch", 0.0254, "length", False, ("in", "inches")),
    ("mil", 2.54e-5, "length", False, ("thou",)),
    ("ft", 0.3048, "length", False, ("foot", "feet")),
    ("yd", 0.9144, "length", False, ("yard",)),
    ("mi", 1609.344, "length", False, ("mile",)),
    ("au", 149597870700.0, "length", False, ("AU", "astronomical unit")),
    ("pc", 3.0856775814913673e16, "length", True, ("parsec",)),
    ("ha", 1e4, "length^2", False, ("hectare",)),
    ("barn", 1e-28, "length^2", True, ("barn",)),
    ("L", 1e-3, "length^3", True, ("litre", "liter")),
    ("l", 1e-3, "length^3", True, ()),
    ("cc", 1e-6, "length^3", False, ("ccm",)),
    ("gal", 3.785411784e-3, "length^3", False, ("gallon",)),
    ("rad", 1.0, "angle", True, ("radian",)),
    ("deg", math.pi / 180, "angle", False, ("degree", "\u00b0")),
    ("grad", math.pi / 200, "angle", False, ("gradian", "gon")),
    ("arcmin", math.pi / 10800, "angle", False, ("arcminute", "\u2032")),
    ("arcsec", math.pi / 648000, "angle", False, ("arcsecond", "\u2033")),
    ("rev", 2 * math.pi, "angle", False, ("revolution", "turn")),
    ("sr", 1.0, "angle^2", True, ("steradian",)),
    ("s", 1.0, "time", True, ("second",)),
    ("sec", 1.0, "time", True, ("sec",)),
    ("min", 60.0, "time", False, ("minute", "mins")),
    ("h", 3600.0, "time", False, ("hour", "hr", "hrs")),
    ("day", 86400.0, "time", False, ("d",)),
    ("week", 604800.0, "time", False, ("wk",)),
    ("a", 31557600.0, "time", False, ("year", "yr", "yrs")),
    ("Hz", 1.0, "time^-1", True, ("hertz",)),
    ("rpm", 2 * math.pi / 60, "angle time^-1", False, ()),
    ("mph", 0.44704, "length time^-1", False, ()),
    ("kph", 1 / 3.6, "length time^-1", False, ("kmh",)),
    ("Gal", 0.01, "length time^-2", True, ("galileo",)),
    ("g", 1e-3, "mass", True, ("gram", "gramme")),
    ("mcg", 1e-9, "mass", False, ()),
    ("t", 1000.0, "mass", True, ("tonne",)),
    ("Da", 1.66053906660e-27, "mass", True, ("dalton", "amu")),
    ("lb", 0.45359237, "mass", False, ("pound", "lbs")),
    ("oz", 0.028349523125, "mass", False, ("ounce",)),
    ("A", 1.0, "current", True, ("ampere", "amp")),
    ("K", 1.0, "temperature", True, ("kelvin", "degK", "\u00b0K", "deg K")),
    ("mol", 1.0, "amount", True, ("mole",)),
    ("M", 1000.0, "amount length^-3", True, ("molar",)),
    ("kat", 1.0, "amount time^-1", True, ("katal",)),
    ("cd", 1.0, "light", True, ("candela",)),
    ("lm", 1.0, "light angle^2", True, ("lumen",)),
    ("lx", 1.0, "light angle^2 length^-2", True, ("lux",)),
    ("N", 1.0, "mass length time^-2", True, ("newton",)),
    ("dyn", 1e-5, "mass length time^-2", True, ("dyne",)),
    ("kgf", 9.80665, "mass length time^-2", False, ("kp",)),
    ("lbf", 4.4482216152605, "mass length time^-2", False, ()),
    ("J", 1.0, "mass length^2 time^-2", True, ("joule",)),
    ("erg", 1e-7, "mass length^2 time^-2", False, ()),
    ("cal", 4.184, "mass length^2 time^-2", True, ("calorie",)),
    ("BTU", 1055.05585262, "mass length^2 time^-2", False, ("Btu",)),
    ("Wh", 3600.0, "mass length^2 time^-2", True, ()),
    ("eV", 1.602176634e-19, "mass length^2 time^-2", True, ("electronvolt", "electron volt")),
    ("Ry", 2.1798723611035e-18, "mass length^2 time^-2", True, ("rydberg",)),
    ("Ha", 4.3597447222071e-18, "mass length^2 time^-2", True, ("hartree",)),
    ("W", 1.0, "mass length^2 time^-3", True, ("watt",)),
    ("VA", 1.0, "mass length^2 time^-3", True, ()),
    ("hp", 745.69987158227022, "mass length^2 time^-3", False, ("horsepower",)),
    ("Pa", 1.0, "mass length^-1 time^-2", True, ("pascal",)),
    ("bar", 1e5, "mass length^-1 time^-2", True, ("bar",)),
    ("atm", 101325.0, "mass length^-1 time^-2", False, ("atmosphere",)),
    ("torr", 101325.0 / 760, "mass length^-1 time^-2", True, ("torr",)),
    ("Torr", 101325.0 / 760, "mass length^-1 time^-2", True, ()),
    ("mmHg", 133.322387415, "mass length^-1 time^-2", False, ("mm Hg",)),
    ("inHg", 3386.388640341, "mass length^-1 time^-2", False, ("in Hg",)),
    ("cmH2O", 98.0665, "mass length^-1 time^-2", False, ("cm H2O",)),
    ("psi", 6894.757293168, "mass length^-1 time^-2", True, ()),
    ("P", 0.1, "mass length^-1 time^-1", True, ("poise",)),
    ("St", 1e-4, "length^2 time^-1", True, ("stokes",)),
    ("C", 1.0, "current time", True, ("coulomb",)),
    ("Ah", 3600.0, "current time", True, ()),
    ("As", 1.0, "current time", True, ()),
    ("V", 1.0, "mass length^2 time^-3 current^-1", True, ("volt",)),
    ("Vp", 1.0, "mass length^2 time^-3 current^-1", True, ()),
    ("ohm", 1.0, "mass length^2 time^-3 current^-2", True, ("ohm", "\u03a9", "\u2126")),
    ("F", 1.0, "mass^-1 length^-2 time^4 current^2", True, ("farad",)),
    ("Wb", 1.0, "mass length^2 time^-2 current^-1", True, ("weber",)),
    ("Mx", 1e-8, "mass length^2 time^-2 current^-1", True, ("maxwell",)),
    ("T", 1.0, "mass time^-2 current^-1", True, ("tesla",)),
    ("G", 1e-4, "mass time^-2 current^-1", True, ("gauss",)),
    ("Oe", 250 / math.pi, "current length^-1", True, ("oersted",)),
    ("H", 1.0, "mass length^2 time^-2 current^-2", True, ("henry",)),
    ("S", 1.0, "mass^-1 length^-2 time^3 current^2", True, ("siemens",)),
    ("D", 3.33564e-30, "current time length", True, ("debye",)),
    ("Gy", 1.0, "length^2 time^-2", True, ("gray", "grey")),
    ("Sv", 1.0, "dose equivalent", True, ("sievert",)),
    ("rem", 0.01, "dose equivalent", True, ("rem",)),
    ("Bq", 1.0, "activity", True, ("becquerel",)),
    ("Ci", 3.7e10, "activity", True, ("curie",)),
    ("R", 2.58e-4, "current time mass^-1", True, ("roentgen", "r\u00f6ntgen")),
    ("sccm", 1e-6 / 60, "standard-volume time^-1", False, ()),
    ("slm", 1e-3 / 60, "standard-volume time^-1", False, ("slpm",)),
    ("dB", 1.0, "level", False, ("decibel",)),
    ("Np", 20 / math.log(10), "level", False, ("neper",)),
    ("dBm", 1.0, "level-of-power", False, ()),
    ("%", 0.01, "ratio", False, ("percent", "per cent")),
    ("\u2030", 1e-3, "ratio", False, ("permille", "per mille")),
    ("ppm", 1e-6, "ratio", False, ("ppmv",)),
    ("ppb", 1e-9, "ratio", False, ()),
    ("ppt", 1e-12, "ratio", False, ()),
    (
        "wt%",
        0.01,
        "ratio-of-mass",
        False,
        ("wt.%", "wt %", "w/w%", "%w/w", "% w/w", "% (w/w)", "%(w/w)", "mass%"),
    ),
    (
        "vol%",
        0.01,
        "ratio-of-volume",
        False,
        ("vol.%", "vol %", "v/v%", "%v/v", "% v/v", "% (v/v)", "%(v/v)", "%vol", "vol.-%"),
    ),
    ("at%", 0.01, "ratio-of-atoms", False, ("at.%", "at %")),
    ("mol%", 0.01, "ratio-of-amount", False, ("mol %",)),
    ("count", 1.0, "count", False, ("cts",)),
    ("cps", 1.0, "count time^-1", True, ()),
    ("photon", 1.0, "photons", False, ("ph",)),
    ("px", 1.0, "pixels", False, ("pixel", "pix")),
    ("dpi", 1 / 0.0254, "pixels length^-1", False, ("ppi", "DPI", "PPI")),
    ("voxel", 1.0, "voxels", False, ("vx",)),
    ("frame", 1.0, "frames", False, ()),
    ("fps", 1.0, "frames time^-1", False, ()),
    ("HU", 1.0, "hounsfield", False, ("hounsfield unit",)),
    ("b", 1.0, "information", True, ("bit",)),
    ("B", 8.0, "information", True, ("byte",)),
)
CELSIUS = ("celsius", "degC", "\u00b0C", "deg C", "deg. C", "degree C", "degrees C", "centigrade",
           "degree celsius", "degrees celsius", "degree centigrade",
           "degrees centigrade")  # fmt: skip
FAHRENHEIT = ("fahrenheit", "degF", "\u00b0F", "deg F", "deg. F", "degree F", "degrees F",
              "degree fahrenheit", "degrees fahrenheit")  # fmt: skip
PREFIXES = {
    "y": -24, "z": -21, "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "\u03bc": -6, "m": -3,
    "c": -2, "d": -1, "da": 1, "h": 2, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
    "Z": 21, "Y": 24,
}  # fmt: skip
LONG_PREFIXES = {
    "yocto": -24, "zepto": -21, "atto": -18, "femto": -15, "pico": -12, "nano": -9, "micro": -6,
    "milli": -3, "centi": -2, "deci": -1, "deca": 1, "hecto": 2, "kilo": 3, "mega": 6, "giga": 9,
    "tera": 12, "peta": 15, "exa": 18, "zetta": 21, "yotta": 24,
}  # fmt: skip
BINARY_PREFIXES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
BINARY = ("B", "b")  # symbols that take them
LARGE_KILO = ("eV", "Hz", "Pa", "g", "m", "V", "W", "B", "N", "J")  # KeV, KHz: no other meaning

# Ambiguous symbols: their meaning if the name of the parameter has one of the words.
TEMPERATURES = frozenset(
    ("temperature", "temperatures", "temp", "temps", "thermocouple", "heating", "cooling", "ramp",
     "annealing", "furnace", "oven", "cryostat")
)  # fmt: skip
LENGTHS = frozenset(
    ("wavelength", "wavelengths", "lambda", "spacing", "lattice", "momentum", "vector", "distance",
     "radius", "diameter", "thickness", "roughness", "length", "resolution", "q")
)  # fmt: skip
CURRENTS = frozenset(("current", "currents"))
BY_PARAMETER: tuple[tuple[tuple[str, ...], frozenset[str], frozenset[str], str], ...] = (
    # symbols, words of the parameter, words that it must not have, meaning
    (("C", "c"), TEMPERATURES, frozenset(), "celsius"),
    (("F", "f"), TEMPERATURES, frozenset(), "fahrenheit"),
    (("deg", "degree", "degrees", "\u00b0"), TEMPERATURES, frozenset(), "celsius"),
    (("k",), TEMPERATURES, frozenset(), "K"),
    (("A",), LENGTHS, CURRENTS, "angstrom"),
)
# Words in the name of a parameter that is a difference of temperatures: there 1 degC is 1 K.
DIFFERENCES = frozenset(
    ("difference", "delta", "step", "increment", "stability", "fluctuation", "uncertainty",
     "error", "tolerance", "hysteresis")
)  # fmt: skip
DECIDING_WORDS = TEMPERATURES | LENGTHS | CURRENTS | DIFFERENCES
