"""Starts SecantusDB like its own command does, with patches for deadlocks and for speed.

Each module describes its patches. They keep what clients see, and are written for secantus as
locked: `tests/integration/shared/test_local_mongodb.py` and `tests/unit/launcher/secantusdb` fail
when one of them is no longer right.

Threads: a computing thread holds the interpreter for a whole switch interval, so a short request
waits many intervals behind a long one. Here the interval is shorter.
"""

import sys

from secantus import cli
from secantus.storage import Storage

from portal_local.launcher.secantusdb import (
    catalogue,
    indexes,
    keys,
    panics,
    reads,
    retries,
    transactions,
    updates,
)

SWITCH_INTERVAL_SECONDS = 0.0005  # the default of the interpreter is ten times that


def main() -> int:
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    keys.apply()
    reads.apply(Storage)
    transactions.apply()
    panics.end_on_panic(Storage)
    updates.apply()
    catalogue.apply()
    indexes.apply()
    retries.apply()
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
