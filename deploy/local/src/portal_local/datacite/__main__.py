"""python -m portal_local.datacite --port 8090 --data DIR: runs the DataCite simulator."""

from pathlib import Path

from portal_local import simulation
from portal_local.datacite.app import Account, build


def main() -> None:
    parser = simulation.argument_parser("portal_local.datacite", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of its state")
    parser.add_argument("--prefix", nargs="+", action="extend", help="those of the account")
    parser.add_argument("--user", default="DEMO.PORTAL")
    parser.add_argument("--password", default="demo")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that a call takes")
    parser.add_argument("--lag", type=float, default=0.0, help="seconds the list is behind")
    given = parser.parse_args()
    account = Account(given.user, given.password, given.prefix or ["10.5072"])
    app = build(given.data, account, latency=given.latency, lag=given.lag)
    simulation.serve(app, given.host, given.port)


if __name__ == "__main__":
    main()
