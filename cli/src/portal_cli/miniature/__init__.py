"""Generates small volumes in place of the measured volumes, which are too large to import."""

import os

# Products of small matrices: several threads are slower, and miniatures are drawn in processes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
