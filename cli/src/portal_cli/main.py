"""Commands of the Human Organs Open Data portal for data managers, operators and readers.

Exit codes of all commands: 0 success, 1 failed or a problem was found, 2 wrong arguments or an
unknown name, 3 no portal is running or it does not respond. Further exit codes are listed in the
--help of the command.
"""

import typer

from portal_cli.commands import dead_letters, doi, tape
from portal_cli.commands.curate import curate
from portal_cli.commands.demo import demo
from portal_cli.commands.down import down
from portal_cli.commands.get import get
from portal_cli.commands.import_ import import_hoa, import_panosc
from portal_cli.commands.jobs import jobs
from portal_cli.commands.reindex import reindex
from portal_cli.commands.status import status
from portal_cli.commands.submit import submit
from portal_cli.commands.up import up
from portal_cli.commands.wait import wait

app = typer.Typer(
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)
imports = typer.Typer(help="Import metadata from other sources.", no_args_is_help=True)

app.command()(up)
app.command()(down)
app.command()(status)
app.command()(demo)
app.add_typer(imports, name="import")
imports.command("hoa")(import_hoa)
imports.command("panosc")(import_panosc)
app.command()(curate)
app.command()(submit)
app.command()(jobs)
app.command()(wait)
app.command()(get)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(doi.app, name="doi")
app.add_typer(tape.app, name="tape")
app.command()(reindex)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
