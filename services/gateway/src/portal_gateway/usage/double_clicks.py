"""Uses that count once: those of one reader and item within 30 seconds (COUNTER's double clicks).

Readers are known by a keyed digest of address and program. Key and digests are in the memory of
this process alone, the digests for 30 seconds.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

SECONDS = 30.0
MAX_USES = 100_000  # in memory; above, the oldest are dropped


class DoubleClicks:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._last: OrderedDict[bytes, float] = OrderedDict()

    def is_repeated(self, address: str, program: str, item: str) -> bool:
        """Returns whether this reader used the item at most 30 s before; notes this use."""
        now = self._clock()
        while self._last and now - next(iter(self._last.values())) > SECONDS:
            self._last.popitem(last=False)
        text = f"{address}\0{program}\0{item}".encode("utf-8", "replace")
        use = blake2b(text, digest_size=16, key=self._key).digest()
        known = self._last.pop(use, None) is not None
        self._last[use] = now
        if len(self._last) > MAX_USES:
            self._last.popitem(last=False)
        return known

    def __len__(self) -> int:
        """Returns how many uses are in memory."""
        return len(self._last)
