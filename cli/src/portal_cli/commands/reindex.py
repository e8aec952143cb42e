"""portal reindex: rebuilds the search indexes while the portal keeps serving."""

import json
import time
from typing import Any

import typer

from portal_cli.instance.addresses import exit_if_unreachable, operator_client
from portal_cli.terminal import DEFAULT_DATA, EXIT_FAILED, Data, Json, Timeout


def reindex(data: Data = DEFAULT_DATA, timeout: Timeout = 3600, *, as_json: Json = False) -> None:
    """Rebuild the search indexes beside the old ones, then swap them.

    The portal stays available. Exit codes: 0 the new indexes are in use, 1 the rebuild failed or
    did not finish within the timeout, 3 no portal is running.
    """
    end = time.monotonic() + timeout
    with exit_if_unreachable("indexer"), operator_client(data, "indexer", timeout=30) as client:
        client.post("/reindex").raise_for_status()
        while True:
            progress: dict[str, Any] = client.get("/reindex").raise_for_status().json()
            if progress.get("state") in ("done", "failed") or time.monotonic() > end:
                break
            time.sleep(0.3)
    state = progress.get("state")
    typer.echo(json.dumps(progress) if as_json else f"reindex: {state}: {progress}")
    raise typer.Exit(0 if state == "done" else EXIT_FAILED)
