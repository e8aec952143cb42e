"""The examples work as they stand."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import aio_pika
import pytest
from jsonschema import Draft202012Validator
from portal_shared import profile as profiles
from portal_shared.messaging import topology
from portal_shared.validation.job_parser import parse_envelope, parse_job
from portal_shared.validation.validator import validate

from tests.drivers.servers import RabbitNode
from tests.drivers.services.answering_ingest import AnsweringIngest

ROOT = Path(__file__).parents[3]
JOB = ROOT / "examples" / "job.json"


def test_the_example_job_is_valid_by_schema_and_by_profile() -> None:
    body = JOB.read_bytes()
    schema = json.loads((ROOT / "shared/contracts/ingest.job.v1.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(json.loads(body))
    judged = validate(parse_envelope(parse_job(body)), profiles.load("human-organs"))
    assert judged.document is not None
    assert [p.problems for p in (judged.document, *judged.datasets)] == [[], []]


async def finished(ingest: AnsweringIngest, *command: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PORTAL_AMQP_URL": ingest.url, "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode()


async def test_the_python_example_prints_the_answer(ingest: AnsweringIngest) -> None:
    async with ingest.listening():
        code, out = await finished(
            ingest, sys.executable, str(ROOT / "examples/submit_job.py"), str(JOB)
        )
    assert code == 0
    assert json.loads(out)["result"] == "done"
    assert ingest.received[0].body == JOB.read_bytes()


async def test_the_shell_example_sends_the_job(ingest: AnsweringIngest) -> None:
    if shutil.which("amqp-publish") is None:
        pytest.skip("no amqp-publish is installed (Debian: amqp-tools)")
    async with ingest.listening():
        code, _ = await finished(ingest, str(ROOT / "examples/submit_job.sh"), str(JOB))
        async with asyncio.timeout(30):
            while not ingest.jobs:
                await asyncio.sleep(0.02)
    assert code == 0
    assert ingest.received[0].body == JOB.read_bytes()
    assert ingest.received[0].content_type == "application/json"


def documented_line() -> str:
    """Returns the command of docs/jobs.md that sends a job from a shell."""
    text = (ROOT / "docs" / "jobs.md").read_text("utf-8")
    return text[text.index("`amqp-publish") + 1 :].partition("`")[0]


@pytest.mark.parametrize("end", ["", "/", "/%2f"])
async def test_the_shell_commands_take_the_address_of_the_default_virtual_host(
    rabbitmq_node: RabbitNode, tmp_path: Path, end: str
) -> None:
    """A broker's address often ends in a slash; amqp-publish takes that for a host named ""."""
    if shutil.which("amqp-publish") is None:
        pytest.skip("no amqp-publish is installed (Debian: amqp-tools)")
    url = rabbitmq_node.url.rstrip("/") + end
    shutil.copy(JOB, tmp_path / "job.json")
    connection = await aio_pika.connect(rabbitmq_node.url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(topology.JOBS, exclusive=True)
        for command in (f"{ROOT}/examples/submit_job.sh job.json", documented_line()):
            process = await asyncio.create_subprocess_exec(
                "sh",
                "-c",
                command,
                env={"PORTAL_AMQP_URL": url, "PATH": "/usr/bin:/bin"},
                cwd=tmp_path,
            )
            assert await asyncio.wait_for(process.wait(), 60) == 0
            async with asyncio.timeout(30):
                while (message := await queue.get(no_ack=True, fail=False, timeout=30)) is None:
                    await asyncio.sleep(0.02)
            assert message.body == JOB.read_bytes()
