"""Starts the ICAT simulator: `python -m portal_local.icat --port N --data DIR`."""

import argparse
import json
import logging
import signal
import ssl
import sys
import threading
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from portal_local.icat.operations import IcatOptions, IcatService
from portal_local.icat.schema.collation import COLLATIONS
from portal_local.icat.schema.schema import load
from portal_local.icat.server import IcatServer
from portal_local.icat.wire.wsdl import xsd

DEFAULT_USERS = ("simple/root:root", "simple/ingest:ingest")


def main() -> None:
    options = _arguments().parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    passwords = dict(options.user or map(_user, DEFAULT_USERS))
    schema = load()
    service = IcatService(
        schema,
        IcatOptions(
            folder=options.data,
            passwords=passwords,
            root_users=frozenset(options.root_user or passwords),
            lifetime_minutes=options.lifetime_minutes,
            max_entities=options.max_entities,
            zone=options.server_tz,
            collation=options.collation,
            count_triggers=options.count_triggers,
            restore_seconds=options.restore_seconds,
            strict_nested=options.strict_nested_errors,
        ),
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if options.certificate else None
    if tls:
        tls.load_cert_chain(options.certificate)
    address = (options.host, options.port)
    server = IcatServer(address, service, xsd(schema), latency=options.latency, tls=tls)

    def end(_signal: int, _frame: object) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    url = f"{server.scheme}://{options.host}:{server.server_address[1]}"
    sys.stdout.write(json.dumps({"listening": url}) + "\n")
    sys.stdout.flush()
    with server:
        server.serve_forever(poll_interval=0.1)
    service.close()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="portal_local.icat", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free port, printed at start")
    parser.add_argument("--data", type=Path, required=True, help="folder of the database")
    parser.add_argument(
        "--user",
        type=_user,
        action="append",
        metavar="NAME:PASSWORD",
        help="a user such as simple/root, may be repeated; default: "
        "simple/root and simple/ingest, whose passwords are root and ingest",
    )
    parser.add_argument(
        "--root-user",
        action="append",
        metavar="NAME",
        help="a user with all rights, may be repeated; default: all users",
    )
    parser.add_argument("--latency", type=_seconds, default=0.0, help="seconds before each answer")
    parser.add_argument(
        "--lifetime-minutes", type=_seconds, default=120.0, help="lifetime of a session"
    )
    parser.add_argument("--max-entities", type=_count, default=10_000, help="limit of one answer")
    parser.add_argument(
        "--server-tz", type=_zone, default="UTC", help="time zone of dates without one"
    )
    parser.add_argument(
        "--collation",
        choices=COLLATIONS,
        default=COLLATIONS[0],
        help="how the database compares text: as MariaDB does by default, or exactly",
    )
    parser.add_argument(
        "--count-triggers",
        action="store_true",
        help="the database counts files and bytes, as with the optional triggers of ICAT",
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="serve TLS with this certificate and its private key (PEM)",
    )
    parser.add_argument(
        "--restore-seconds",
        type=_seconds,
        default=0.0,
        help="how long IDS takes to restore a dataset",
    )
    parser.add_argument(
        "--strict-nested-errors",
        action="store_true",
        help="report errors inside a nested create by their own type; ICAT reports INTERNAL",
    )
    return parser


def _user(text: str) -> tuple[str, str]:
    name, colon, password = text.partition(":")
    plugin, slash, user = name.partition("/")
    if not slash:
        plugin, user = "simple", name
    if not colon or not plugin or not user:
        raise argparse.ArgumentTypeError(f"{name!r} is not NAME:PASSWORD")
    return f"{plugin}/{user}", password


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time zone") from error


if __name__ == "__main__":
    main()
