"""What the ICAT simulator costs beside its client, and how it bears a dataset of 100 000 files."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import icat
import pytest

DATASETS, PARAMETERS = 200, 30
FILES, BATCH = 100_000, 1_000
ENVELOPE = (
    '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:i="http://icatproject.org">'
    "<S:Body>{}</S:Body></S:Envelope>"
)


class Simulator:
    """A server in a process of its own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "portal_local.icat", "--data", str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url: str = json.loads(self.process.stdout.readline())["listening"]
        self.client = icat.Client(self.url, cache=None)
        self.client.autoLogout = False
        self.client.login("simple", {"username": "root", "password": "root"})

    def make(self, bean: str, **fields: object) -> icat.entity.Entity:
        made = self.client.new(bean, **fields)
        made.create()
        return made

    def post(self, body: str) -> None:
        request = Request(f"{self.url}/ICATService/ICAT", ENVELOPE.format(body).encode())  # noqa: S310
        with urlopen(request, timeout=120) as answer:  # noqa: S310
            answer.read()

    def cpu(self) -> float:
        """Seconds of CPU so far, as Linux counts them."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path)
    yield simulator
    simulator.end()


@pytest.fixture
def parents(simulator: Simulator) -> dict[str, icat.entity.Entity]:
    facility = simulator.make("Facility", name="ESRF")
    kind = simulator.make("InvestigationType", name="MD", facility=facility)
    return {
        "type": simulator.make("DatasetType", name="processed", facility=facility),
        "investigation": simulator.make(
            "Investigation", name="md1290", visitId="bm18", title="-", facility=facility, type=kind
        ),
    }


def test_datasets_with_parameters(
    simulator: Simulator, parents: dict[str, icat.entity.Entity]
) -> None:
    client = simulator.client
    facility = client.search("Facility")[0]
    kinds = [
        simulator.make("ParameterType", name=f"p{number}", units="", valueType="NUMERIC",
                       facility=facility, applicableToDataset=True)
        for number in range(PARAMETERS)
    ]  # fmt: skip
    started = time.process_time()
    for number in range(DATASETS):
        volume = client.new("Dataset", name=f"{number}", complete=False, **parents)
        volume.parameters = [
            client.new("DatasetParameter", type=kind, numericValue=1.5) for kind in kinds
        ]
        volume.create()
    client_cpu = time.process_time() - started
    server_cpu = simulator.cpu()  # with its start, and the client's learning of the schema
    print(
        f"\n{DATASETS} datasets of {PARAMETERS} parameters: the simulator takes"
        f" {server_cpu / client_cpu:.2f} of the CPU that python-icat takes to send them"
        f" ({server_cpu / DATASETS:.4f} s beside {client_cpu / DATASETS:.4f} s each)"
    )


def test_a_dataset_of_many_files(
    simulator: Simulator, parents: dict[str, icat.entity.Entity]
) -> None:
    volume = simulator.make("Dataset", name="slices", complete=False, **parents)
    head = f"<i:createMany><sessionId>{simulator.client.sessionId}</sessionId>"
    took: list[float] = []
    for first in range(0, FILES, BATCH):
        beans = "".join(
            f'<beans xsi:type="i:datafile"><dataset><id>{volume.id}</id></dataset>'
            f"<fileSize>4000000</fileSize><name>slice_{number:06}.jp2</name></beans>"
            for number in range(first, first + BATCH)
        )
        started = simulator.cpu()
        simulator.post(f"{head}{beans}</i:createMany>")
        took.append(simulator.cpu() - started)
    assert simulator.client.search("COUNT(Datafile) [dataset.name = 'slices']") == [FILES]
    tenth = len(took) // 10
    server_cpu = simulator.cpu()
    print(
        f"\n{FILES} files in one dataset, {BATCH} at a time: the last tenth takes"
        f" {sum(took[-tenth:]) / sum(took[:tenth]):.2f} of the CPU of the first"
        f" ({server_cpu / FILES * 1e6:.0f} µs of the simulator's CPU per file, all included)"
    )
