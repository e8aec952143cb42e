"""Words of a document that are true of one of its datasets.

A dataset is also searched by title and keywords of the document that it belongs to, without words
that the dataset contradicts. The keyword `left` of both kidneys is not true of the right one, whose
parameter has another value.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from portal_shared.contracts.records import Dataset, Document, Parameter
from portal_shared.search import query_terms

from portal_indexer.texts import word_forms

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
Values = Mapping[str, frozenset[str]]  # texts of parameters, by name


def true_texts(dataset: Dataset, documents: Sequence[Document]) -> list[str]:
    """Returns title and keywords of the dataset's own document, as far as they are true of it.

    Documents that only list the dataset, such as a proposal with many others, describe it if it
    belongs to no other document.
    """
    own = [d for d in documents if d.pid == dataset.document] or list(documents)
    found: list[str] = []
    for document in own:
        pattern = _false_phrases(_text_values(dataset.parameters), document)
        texts = (document.title, *document.keywords)
        found += [pattern.sub(" ", text) for text in texts] if pattern else texts
    return [text for text in dict.fromkeys(found) if text.strip()]


def _text_values(parameters: Iterable[Parameter]) -> Values:
    found: dict[str, set[str]] = {}
    for parameter in parameters:
        if isinstance(parameter.value, str) and parameter.value.strip():
            found.setdefault(parameter.name, set()).add(parameter.value)
    return {name: frozenset(values) for name, values in found.items()}


def _false_phrases(own: Values, document: Document) -> re.Pattern[str] | None:
    """Returns a pattern of values that the dataset's parameters have not, in all their forms.

    Other values are those that the profile or the document has for the parameter.
    """
    listed, above = query_terms.listed_values(), _text_values(document.parameters)
    false: set[str] = set()
    true: set[str] = set()
    for name, values in own.items():
        others = listed.get(name, frozenset()) | above.get(name, frozenset())
        false |= {form for other in others - values for form in _forms(other)}
        true |= {form for value in values for form in _forms(value)}
    phrases = sorted(false - true, key=len, reverse=True)
    return _pattern(tuple(phrases)) if phrases else None


@lru_cache(maxsize=1000)
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    listed = "|".join(map(re.escape, phrases))
    return re.compile(rf"(?<![^\W_])(?:{listed})(?![^\W_])", re.IGNORECASE)


@lru_cache(maxsize=10_000)
def _forms(value: str) -> frozenset[str]:
    """Returns a value and its synonyms in lower case, with words apart, singular and plural."""
    apart = _CAMEL.sub(" ", value).replace("_", " ")
    meanings = {m for text in (value, apart) for m in query_terms.same_meaning(text)}
    plural = {form for m in meanings if m.isalpha() for form in word_forms.other_forms([m])}
    return frozenset(meanings | plural)
