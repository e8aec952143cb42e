"""Hashes of JSON content that do not depend on the order of keys."""

import hashlib
import json
from typing import Any


def canonical_json(content: Any) -> bytes:
    """Returns the content as UTF-8 JSON with sorted keys and without blanks."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def content_hash(content: Any) -> str:
    """Returns the SHA-256 of the canonical JSON, in hexadecimal digits."""
    return hashlib.sha256(canonical_json(content)).hexdigest()
