"""Reads the XML of a message with a bounded cost, and the texts of its elements."""

from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError
from portal_shared.runtime.errors import Invalid
from typing_extensions import override

MAX_DEPTH = 10  # the messages of pyicat-plus have 3 levels
MAX_ELEMENTS = 30_000  # some 10 000 parameters; the ESRF has defined 1300
CHUNK_BYTES = 65_536  # read before the limits are checked again


class _BoundedBuilder(TreeBuilder):
    """Builds the tree; raises Invalid at the first element beyond the limits."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._elements = 0

    @override
    def start(self, tag: Any, attrs: Any, /) -> Element:
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH:
            raise Invalid(f"the XML is nested deeper than {MAX_DEPTH} levels")
        if self._elements > MAX_ELEMENTS:
            raise Invalid(f"the XML has more than {MAX_ELEMENTS} elements; send fewer parameters")
        return super().start(tag, attrs)

    @override
    def end(self, tag: Any, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def parse(body: bytes) -> Element:
    """Returns the root element. Raises Invalid with what is wrong.

    Reading stops at the first element that is too many or too deep. Document types and entities
    are refused, because a short text of them can stand for gigabytes.
    """
    parser = DefusedXMLParser(target=_BoundedBuilder(), forbid_dtd=True)
    try:
        for start in range(0, len(body), CHUNK_BYTES):
            parser.feed(body[start : start + CHUNK_BYTES])
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise Invalid(
            f"the XML has a document type or entities, which are not allowed: {error}"
        ) from error
    except ParseError as error:
        line, column = error.position
        raise Invalid(
            f"the message is not XML: {error} (line {line}, column {column + 1})"
        ) from error
    except (LookupError, ValueError) as error:  # an encoding that is not known
        raise Invalid(f"the message is not XML that can be read: {error}") from error
    return root


def local_name(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def text(element: Element, *path: str) -> str | None:
    """Returns the text of the descendant at this path of local names, None if there is none.

    Raises Invalid if there are several: it is not clear which is right.
    """
    here = element
    for name in path:
        found = [child for child in here if local_name(child.tag) == name]
        if not found:
            return None
        if len(found) > 1:
            raise Invalid(f"the element {name!r} is given {len(found)} times", field=name)
        here = found[0]
    return (here.text or "").strip() or None


def required_text(element: Element, name: str) -> str:
    """Returns the text of a child. Raises Invalid if it is missing or empty."""
    found = text(element, name)
    if found is None:
        raise Invalid(f"the element {name!r} is missing or empty", field=name)
    return found
