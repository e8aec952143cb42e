"""Elements of CSL styles where citeproc-py differs from the specification, or fails.

The element classes of citeproc-py are replaced by these when a style is parsed (csl_style.py).
Numbers of sections are those of the CSL 1.0.2 specification.
"""

import re
from typing import Any

from citeproc import CitationItem, model
from citeproc.source import VariableError
from citeproc.string import MixedString, String

NAMESPACE = "http://purl.org/net/xbiblio/csl"
_PERIOD = re.compile(r"(?<!\d)\.|\.(?!\d)")
TEXT = f"{{{NAMESPACE}}}text"


class UnnumberedItem(CitationItem):
    """An item that stands alone, without the number that it has in a list."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.printed: list[str] = []  # variables of the texts so far
        self.found: Any = None  # the reference

    @property
    def reference(self) -> Any:
        """The record in the form of citeproc-py, which reads this hundreds of times."""
        found = super().get("found")
        if found is None:
            found = self.found = super().reference
        return found

    @property
    def number(self) -> int:
        """A variable without value: an element that prints it is left out with its affixes."""
        raise VariableError


def _as_string(text: Any) -> Any:
    """Returns the text with the methods that citeproc-py calls on it; plain texts lack them."""
    if isinstance(text, MixedString):
        return MixedString([part if isinstance(part, String) else String(part) for part in text])
    return text if isinstance(text, String) else String(text)


class _Changes:
    """Changes texts of any kind, and no text at all (sections Text-case and Strip-periods)."""

    def strip_periods(self, string: Any) -> Any:
        """Removes periods, but not the decimal points of numbers."""
        element: Any = self
        if element.get("strip-periods", "false").lower() != "true":
            return string
        return String(_PERIOD.sub("", str(string)))

    def case(self, text: Any, language: str | None = None) -> Any:
        if text is None or not str(text):
            return text
        element: Any = super()  # of citeproc-py, beside which this class stands
        return element.case(_as_string(text), language)


class Macros:
    """The macros of a style by name: citeproc-py looks for them by XPath, thousands of times."""

    def __init__(self, root: Any) -> None:
        self._elements = {m.get("name"): m for m in root.iterfind(f"{{{NAMESPACE}}}macro")}
        self._calls: dict[str, bool] = {}

    def find(self, name: str) -> Any:
        return self._elements.get(name)

    def calls_variable(self, name: str) -> bool:
        """Returns whether the macro can print a variable; the same for all citations."""
        if name not in self._calls:
            macro = self._elements.get(name)
            self._calls[name] = macro is not None and macro.calls_variable()
        return self._calls[name]


class Text(_Changes, model.Text):
    def calls_variable(self) -> bool:
        macro = self.get("macro")
        return self.get_root().macros.calls_variable(macro) if macro else super().calls_variable()

    def get_macro(self, name: str) -> Any:
        found = self.get_root().macros.find(name)
        return super().get_macro(name) if found is None else found

    def _variable(self, item: Any, context: Any) -> Any:
        text = super()._variable(item, context)
        if text:
            item.printed.append(self.get("variable"))
        return text


class Substitute(model.Substitute):
    """What replaces missing names is not printed again in its own place (section Names)."""

    def render(self, item: Any, context: Any = None, **options: Any) -> Any:
        first = len(item.printed)
        text = super().render(item, context=context, **options)
        if text and context is not None:
            repressed = context.get_layout().repressed
            repressed.setdefault(TEXT, []).extend(item.printed[first:])
        return text


class Name(model.Name):
    def initialize(self, given: str, mark: str, context: Any) -> str:
        """Returns the initials of a given name; words without capitals stay as they are.

        These are particles, and names in scripts that have no capitals.
        """
        hyphens = self.get_option("initialize-with-hyphen", context)
        parts = given.split("-") if hyphens else [given.replace("-", " ")]
        return "-".join(text for part in parts if (text := _initials(part, mark)))


def _initials(given: str, mark: str) -> str:
    found: list[str] = []
    for word in given.replace(".", " ").split():
        is_capital = word[0].isupper()
        found.append(f"{word[0]}{mark}" if is_capital else f" {word} ")
    return " ".join("".join(found).split())


class NamePart(_Changes, model.Name_Part):
    def format_part(self, given: Any, family: Any) -> Any:
        """Formats one of the parts, if the name has it."""
        part = given if self.get("name") == "given" else family
        if not part:
            return given, family
        formatted = super().format_part(given, family)
        return tuple(String(str(text)) if text else text for text in formatted)


class DatePart(_Changes, model.Date_Part):
    pass


class Number(_Changes, model.Number):
    pass


class Label(_Changes, model.Label):
    pass


REPLACED = {
    "text": Text,
    "substitute": Substitute,
    "name": Name,
    "name-part": NamePart,
    "date-part": DatePart,
    "number": Number,
    "label": Label,
}
