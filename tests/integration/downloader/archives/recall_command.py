"""A site's command as the tests have it: a tape library that is a folder.

    recall_command.py LIBRARY DISK SECONDS stage|locate|release LIST
What is in LIBRARY is on tape, what is in DISK was recalled; a file `NAME.lost` there is lost.
"""

import shutil
import sys
import time
from pathlib import Path


def print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    library, disk, seconds, verb, list_file = sys.argv[1:]
    with (Path(library) / "calls").open("a") as calls:
        calls.write(f"{verb} {' '.join(Path(list_file).read_text().split())}\n")
    for path in Path(list_file).read_text().splitlines():
        tape, here = Path(library + path), Path(disk + path)
        if verb == "stage":
            time.sleep(float(seconds))
            if not tape.exists():
                print_line(f"failed\t{path}\tno such file on tape")
                continue
            here.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tape, f"{here}.part")
            Path(f"{here}.part").rename(here)
            print_line(f"online\t{path}")
        elif verb == "locate":
            if here.exists():
                print_line(f"DISK_AND_TAPE\t{path}")
            elif Path(f"{tape}.lost").exists():
                print_line(f"LOST\t{path}")
            elif tape.exists():
                print_line(f"TAPE\t{path}")


main()
