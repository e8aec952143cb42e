"""Text as DataCite can keep it: its records are XML at heart. Pure."""

import re

_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str | None) -> str:
    """Without characters that XML cannot hold, without blanks at the ends."""
    return _REFUSED.sub("", text or "").strip()
