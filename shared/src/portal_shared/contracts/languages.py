"""Languages by their tag (BCP 47), and the tag that another spelling probably is."""

import re

import langcodes

MAX_CHARACTERS = 100  # longer texts are no tag
_XS_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")  # what DataCite's schema accepts


def is_language_tag(text: str) -> bool:
    """Whether the text is a tag of BCP 47 whose parts are in IANA's register: en, pt-BR."""
    if len(text) > MAX_CHARACTERS or not _XS_LANGUAGE.fullmatch(text):
        return False
    return langcodes.tag_is_valid(text)


def closest_language(text: str) -> str | None:
    """Returns the tag that a text means: en-US for en_US, fr for French; None if unclear."""
    given = text.strip()[:MAX_CHARACTERS]
    first = re.split(r"[,;/|]", given)[0].strip()
    for spelling in (given, given.split(".")[0], first):  # fr_FR.UTF-8; en, fr
        candidate = spelling.replace("_", "-")
        if is_language_tag(candidate):
            return langcodes.standardize_tag(candidate)
    for name in (given, first):
        try:
            found = str(langcodes.find(name)) if name else ""
        except LookupError:
            continue
        if is_language_tag(found):
            return found
    return None
