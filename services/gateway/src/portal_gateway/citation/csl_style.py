"""A parsed style of the Citation Style Language, and the citation of one record in it."""

import warnings
from typing import Any

from citeproc import Citation, CitationStylesBibliography, CitationStylesStyle, formatter, model
from citeproc.source import VariableError
from citeproc.source.json import CiteProcJSON
from lxml import etree

from portal_gateway.citation.csl_elements import NAMESPACE, REPLACED, Macros, UnnumberedItem

KEY = "1"


def parent_style(path: str) -> str | None:
    """Returns the name of the style that a dependent one refers to; None for an independent one."""
    links = etree.parse(path).getroot().iter(f"{{{NAMESPACE}}}link")
    parents = [link.get("href") or "" for link in links if link.get("rel") == "independent-parent"]
    return parents[0].rpartition("/")[2] if parents else None


class CslStyle(CitationStylesStyle):
    """Not thread-safe: citeproc-py stores the state of a citation in the parsed elements."""

    def __init__(self, path: str, locale: str) -> None:
        lookup = etree.ElementNamespaceClassLookup()
        namespace = lookup.get_namespace(NAMESPACE)
        namespace[None] = model.CitationStylesElement
        for element in model.CitationStylesElement.__subclasses__():
            namespace[element.__name__.replace("_", "-").lower()] = element
        namespace.update(REPLACED)
        self.parser = etree.XMLParser(
            remove_comments=True, encoding="UTF-8", no_network=True, resolve_entities=False
        )
        self.parser.set_element_class_lookup(lookup)
        self.xml = etree.parse(path, self.parser)
        self.root: Any = self.xml.getroot()
        self.root.macros = Macros(self.root)
        self.root.set_locale_list(locale, validate=False)

    def cite(self, item: dict[str, Any]) -> str:
        """Returns the entry of a bibliography for an item of CSL JSON, without its number.

        In a style without a bibliography, it is the note. Empty if the style prints nothing.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of variables that it does not support
            source = CiteProcJSON([{**item, "id": KEY}])
            made = CitationStylesBibliography(self, source, formatter.plain)
            citation = Citation([UnnumberedItem(KEY)])
            made.register(citation)
            try:
                if self.has_bibliography():
                    return " ".join(str(entry) for entry in made.bibliography())
                return str(made.cite(citation, str))
            except VariableError:  # all that it prints is missing
                return ""
