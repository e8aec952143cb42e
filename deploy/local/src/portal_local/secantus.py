"""SecantusDB's command, with short turns for its threads.

Its threads share one interpreter and give it away at every call of the storage engine; one that
computes keeps it for a whole turn, so short requests would wait a dozen turns behind a long one.
"""

import sys

from secantus.cli import main

TURN = 0.0005  # seconds; the interpreter's own is ten times that

if __name__ == "__main__":
    sys.setswitchinterval(TURN)
    sys.exit(main())
