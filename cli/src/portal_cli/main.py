"""portal: the command for data managers, operators and readers.

Exit codes: 0 done, 1 not done or not well, 2 wrong usage or unknown name, 3 nothing answers there;
a command that has more says so in its --help.
"""

import typer

from portal_cli.commands import dead_letters, demo, doi, get, jobs, tape, up
from portal_cli.commands.curate import curate
from portal_cli.commands.import_ import import_hoa, import_panosc
from portal_cli.commands.submit import submit

app = typer.Typer(
    help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)
imports = typer.Typer(help="Turn metadata of others into ingest jobs.", no_args_is_help=True)

app.command()(up.up)
app.command()(up.down)
app.command()(up.status)
app.command()(demo.demo)
app.add_typer(imports, name="import")
imports.command("hoa")(import_hoa)
imports.command("panosc")(import_panosc)
app.command()(curate)
app.command()(submit)
app.command()(jobs.jobs)
app.command()(up.wait)
app.command()(get.get)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(doi.app, name="doi")
app.add_typer(tape.app, name="tape")
app.command()(up.reindex)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
