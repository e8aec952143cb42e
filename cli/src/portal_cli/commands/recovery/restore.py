"""portal restore: writes a backup into the databases of an empty instance."""

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


def restore(
    file: Annotated[Path, typer.Argument(help="An archive of `portal backup`.", exists=True)],
    data: Data = DEFAULT_DATA,
    *,
    as_json: Json = False,
) -> None:
    """Write a backup into an empty instance, after checking all of it.

    Nothing is written if the archive is damaged or if the instance has records. Stop the services
    before, and go on as deploy/runbooks/backup.md says. Exit codes: 0 restored, 1 not restored, 3
    the database does not respond.
    """
    from portal_shared.runtime.mongo import BulkWriteError

    from portal_cli.backup import databases
    from portal_cli.backup.archive import DamagedArchive

    with exit_without_instance():
        settings = database_settings(data)
    report = progress_printer(as_json=as_json)
    try:
        with database_required():
            manifest = asyncio.run(databases.restore(settings, file, report))
    except (DamagedArchive, databases.NotEmpty) as error:
        raise fail(f"Nothing was restored: {error}", EXIT_FAILED) from error
    except BulkWriteError as error:
        reason = "others write to the databases; stop the services, drop the databases, try again"
        raise fail(f"Restored in part: {reason}", EXIT_FAILED) from error
    text = (
        f"{sum(manifest.counts().values())} documents of {manifest.created_at} are restored. Start"
        " the services, then: portal doi audit --repair; portal reindex"
    )
    print_result(manifest, as_json=as_json, text=text)
