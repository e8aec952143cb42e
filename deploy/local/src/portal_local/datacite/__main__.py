"""python -m portal_local.datacite --port 8090 --data DIR: runs the DataCite simulator."""

from pathlib import Path

from portal_local import simulation
from portal_local.datacite.app import Account, build


def main() -> None:
    parser = simulation.argument_parser("portal_local.datacite", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of its state (required)")
    parser.add_argument(
        "--prefix", nargs="+", action="extend", help="prefixes of the account (default: 10.5072)"
    )
    parser.add_argument("--user", default="DEMO.PORTAL")
    parser.add_argument("--password", default="demo")
    parser.add_argument("--latency", type=float, default=0.0, help="duration of a call in seconds")
    parser.add_argument(
        "--lag", type=float, default=0.0, help="seconds until the list shows a change"
    )
    given = parser.parse_args()
    account = Account(given.user, given.password, given.prefix or ["10.5072"])
    app = build(given.data, account, latency=given.latency, lag=given.lag)
    simulation.serve(app, given.host, given.port)


if __name__ == "__main__":
    main()
