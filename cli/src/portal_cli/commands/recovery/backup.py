"""portal backup: writes all databases of the portal into one file, while it is in use."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from portal_cli.commands.recovery.results import (
    database_required,
    print_result,
    progress_printer,
)
from portal_cli.instance.addresses import database_settings, exit_without_instance
from portal_cli.terminal import DEFAULT_DATA, EXIT_FAILED, Data, Json, fail


def backup(
    file: Annotated[Path, typer.Argument(help="The archive to write, as in portal.tar.gz.")],
    data: Data = DEFAULT_DATA,
    *,
    as_json: Json = False,
) -> None:
    """Write all databases of the portal into one file, with checksums, while it is in use.

    The file has everything that is not public yet: only its owner may read it. Files of datasets
    are not in it. Exit codes: 0 the file is complete, 1 it was not written, 3 the database does not
    respond.
    """
    from portal_shared.runtime.mongo import OperationFailure

    from portal_cli.backup import databases

    with exit_without_instance():
        settings = database_settings(data)
    report = progress_printer(as_json=as_json)
    try:
        with database_required():
            manifest = asyncio.run(databases.back_up(settings, file, report))
    except (FileExistsError, OperationFailure) as error:
        raise fail(f"No backup: {error}", EXIT_FAILED) from error
    documents = sum(manifest.counts().values())
    text = f"{file}: {documents} documents, {file.stat().st_size} bytes"
    print_result(manifest, as_json=as_json, text=text)
