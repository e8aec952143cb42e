"""The citations of a record that its page shows, all at once."""

from portal_shared.runtime.errors import Invalid
from pydantic import BaseModel

from portal_gateway.citation import formats
from portal_gateway.citation.cited_record import CitedRecord

STYLES = (  # styles of CSL, as the page names them
    ("apa", "APA", "apa"),
    ("vancouver", "Vancouver", "vancouver"),
    ("mla", "MLA", "modern-language-association"),
    ("chicago", "Chicago", "chicago-author-date"),
    ("harvard", "Harvard", "harvard-cite-them-right"),
    ("ieee", "IEEE", "ieee"),
)
FILES = ("bibtex", "ris")


class Citation(BaseModel):
    id: str
    label: str
    text: str
    is_code: bool  # a file format: its line breaks count


class CitationList(BaseModel):
    citations: list[Citation]


def citations(cited: CitedRecord) -> CitationList:
    """Returns the record in each style and file format; a style that fails is left out."""
    found: list[Citation] = []
    for name, label, style in STYLES:
        try:
            text = formats.text(cited, style, "en-US").strip()
        except Invalid:
            continue
        found.append(Citation(id=name, label=label, text=text, is_code=False))
    for name in FILES:
        one = formats.BY_NAME[name]
        text = one.write(cited).strip()
        found.append(Citation(id=name, label=one.label, text=text, is_code=True))
    return CitationList(citations=found)
