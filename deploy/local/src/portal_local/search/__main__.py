"""Serves the search stand-in: `python -m portal_local.search --port N --data DIR`."""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from portal_local.search.api.app import application

# Short, so that a search waits little for the interpreter lock while a task runs.
SWITCH_INTERVAL_SECONDS = 0.001


def main() -> None:
    parser = argparse.ArgumentParser(prog="portal_local.search", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7700)
    parser.add_argument("--data", type=Path, required=True, help="folder of the SQLite files")
    parser.add_argument(
        "--master-key",
        default=os.environ.get("MEILI_MASTER_KEY") or None,
        help="bearer token that clients must send; default: MEILI_MASTER_KEY, else none",
    )
    given = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    app = application(given.data, given.master_key)
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
