"""python -m portal_local.tape --port 8091 --archive DIR --buffer DIR: runs the tape simulator."""

from pathlib import Path

from portal_local import simulation
from portal_local.tape.api.progress import DIALECTS
from portal_local.tape.api.rest import SiteBehaviour
from portal_local.tape.app import Site, build
from portal_local.tape.library.physics import Physics


def main() -> None:
    physics = Physics()
    parser = simulation.argument_parser("portal_local.tape", __doc__)
    parser.add_argument("--archive", type=Path, required=True, help="folder with the files on tape")
    parser.add_argument("--buffer", type=Path, required=True, help="folder of the disk buffer")
    parser.add_argument("--data", type=Path, help="folder of the state; default: beside the buffer")
    parser.add_argument("--drives", type=int, default=4)
    parser.add_argument("--buffer-bytes", type=int, help="size of the buffer; default: unlimited")
    parser.add_argument("--speed-factor", type=float, default=physics.speed_factor)
    parser.add_argument(
        "--mount", type=float, default=physics.mount, help="seconds to mount a tape"
    )
    parser.add_argument(
        "--seek", type=float, default=physics.seek, help="mean seconds to reach a file"
    )
    parser.add_argument("--rate", type=float, default=physics.rate, help="bytes per second")
    parser.add_argument("--files-per-tape", type=int, default=physics.files_per_tape)
    parser.add_argument("--tapes", type=int, default=physics.tapes)
    parser.add_argument("--dialect", choices=tuple(DIALECTS), default="spec")
    parser.add_argument("--max-files", type=int, help="limit of a stage request")
    parser.add_argument("--max-localities", type=int, help="limit of paths in an archiveinfo")
    parser.add_argument("--order", choices=("position", "request"), default="position")
    given = parser.parse_args()
    site = Site(
        archive=given.archive,
        buffer=given.buffer,
        data=given.data or given.buffer.with_name(f"{given.buffer.name}.state"),
        drives=given.drives,
        buffer_bytes=given.buffer_bytes,
        behaviour=SiteBehaviour(given.dialect, given.max_files, given.max_localities),
        order=given.order,
        physics=Physics(
            mount=given.mount,
            seek=given.seek,
            rate=given.rate,
            files_per_tape=given.files_per_tape,
            tapes=given.tapes,
            speed_factor=given.speed_factor,
        ),
    )
    simulation.serve(build(site), given.host, given.port)


if __name__ == "__main__":
    main()
