"""Jobs reach the queue, stay there, and their answers come back."""

import asyncio
import threading
from collections.abc import Iterator

import aio_pika
import pytest
from portal_cli.submission import client as submission_client
from portal_cli.submission.client import JobNotBuilt, Submission, submit_jobs
from portal_cli.submission.job_files import message_from_file
from portal_cli.submission.message import JobMessage, build_message
from portal_ingest.jobs import acceptance
from portal_shared.contracts.jobs import InstrumentIn, Job
from portal_shared.messaging import topology
from portal_shared.runtime.errors import Unavailable

from tests.drivers import plain_http
from tests.drivers.servers import RabbitNode
from tests.drivers.services.answering_ingest import AnsweringIngest


def job(name: str) -> JobMessage:
    return build_message(
        "test", name, instruments=(InstrumentIn(pid=name, name=name, facility="f"),)
    )


async def test_every_job_is_answered(ingest: AnsweringIngest) -> None:
    jobs = [job(f"i{n}") for n in range(30)]
    seen: list[tuple[int, int]] = []

    def progress(state: Submission) -> None:
        seen.append((len(state.confirmed), len(state.answers)))

    async with ingest.listening():
        sent = await submit_jobs(ingest.url, jobs, seconds=60, on_progress=progress)
    assert sent.unanswered == []
    assert [j.job_id for j in ingest.jobs] == [j.job_id for j in jobs]
    assert {k: a.job_id for k, a in sent.answers.items()} == {j.job_id: j.job_id for j in jobs}
    assert seen[-1] == (30, 30)


async def test_a_job_is_persistent_and_has_a_reply_queue(ingest: AnsweringIngest) -> None:
    async with ingest.listening():
        await submit_jobs(ingest.url, [job("a")], seconds=60)
    message = ingest.received[0]
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert message.correlation_id == message.message_id == job("a").job_id
    assert message.content_type == "application/json"
    assert message.reply_to
    assert message.body == job("a").body


async def test_the_bytes_of_a_broken_job_arrive_as_they_are(ingest: AnsweringIngest) -> None:
    odd = JobMessage("", b'{ "version" : 7 }\n', "odd.json")
    async with ingest.listening():
        sent = await submit_jobs(ingest.url, [odd, odd], seconds=60)
    assert [m.body for m in ingest.received] == [odd.body] * 2
    assert [a.result for a in sent.answers.values()] == ["refused", "refused"]


async def test_a_job_carries_the_names_of_private_fields_but_no_values(
    ingest: AnsweringIngest,
) -> None:
    body = b'{"version": 1, "job_id": "p", "datasets": [{"name": "d", "dob": "Zanzibar"}]}'
    async with ingest.listening():
        await submit_jobs(ingest.url, [message_from_file("p.json", body)], seconds=60)
    [message] = ingest.received
    assert b"Zanzibar" not in message.body
    assert acceptance.dropped_before(message.headers) == ["datasets[0].dob"]


async def test_jobs_without_an_answer_in_time_are_unanswered(ingest: AnsweringIngest) -> None:
    ingest.silent = lambda found: found.job_id == job("b").job_id
    async with ingest.listening():
        sent = await submit_jobs(ingest.url, [job("b")], seconds=8)
    assert [j.label for j in sent.unanswered] == ["b"]
    assert sent.confirmed == {job("b").job_id}


async def test_jobs_wait_in_the_queue_for_a_portal_that_is_down(ingest: AnsweringIngest) -> None:
    confirmed = asyncio.Event()
    task = asyncio.create_task(
        submit_jobs(ingest.url, [job("a")], seconds=60, on_progress=lambda _: confirmed.set())
    )
    async with asyncio.timeout(30):
        await confirmed.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with ingest.listening(), asyncio.timeout(30):
        while not ingest.jobs:
            await asyncio.sleep(0.02)
    assert ingest.jobs[0].job_id == job("a").job_id


async def test_answers_come_in_while_later_jobs_are_made(ingest: AnsweringIngest) -> None:
    answered = threading.Event()

    def watch(state: Submission) -> None:
        if state.answers:
            answered.set()

    def made() -> Iterator[JobMessage]:
        yield job("a")
        assert answered.wait(60)  # in a thread: the answer arrives meanwhile
        yield job("b")

    async with ingest.listening():
        sent = await submit_jobs(ingest.url, made(), seconds=90, on_progress=watch)
    assert len(sent.answers) == 2


async def test_jobs_that_cannot_be_made_stop_the_sending(ingest: AnsweringIngest) -> None:
    def made() -> Iterator[JobMessage]:
        yield job("a")
        raise OSError("no space left on device")

    with pytest.raises(JobNotBuilt, match="no space left"):
        await submit_jobs(ingest.url, made(), seconds=60)


async def test_a_lost_connection_is_made_again_and_the_rest_sent_again(
    ingest: AnsweringIngest, rabbitmq_node: RabbitNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    management = rabbitmq_node[1]
    if management is None:
        pytest.skip("needs the management API to cut a connection")
    monkeypatch.setattr(submission_client, "RECONNECT_SECONDS", 0.1)
    first = asyncio.Event()

    def quiet_once(_: Job) -> bool:
        early = not first.is_set()
        first.set()
        return early

    ingest.silent = quiet_once
    vhost = ingest.url.rsplit("/", 1)[1]
    async with ingest.listening(), plain_http.async_client(management, timeout=20) as client:
        task = asyncio.create_task(submit_jobs(ingest.url, [job("a")], seconds=60))
        await first.wait()
        cut = 0
        async with asyncio.timeout(30):  # a connection shows up there after a moment
            while not cut:
                found = (await client.get(f"/api/vhosts/{vhost}/connections")).json()
                for one in found:
                    name = one.get("client_properties", {}).get("connection_name")
                    if name == "portal sends jobs":
                        await client.delete(f"/api/connections/{one['name']}")
                        cut += 1
                await asyncio.sleep(0.1)
        sent = await task
    assert sent.unanswered == []
    assert [j.job_id for j in ingest.jobs] == [job("a").job_id] * 2


async def test_a_missing_broker_is_an_error_at_once() -> None:
    with pytest.raises(Unavailable, match="RabbitMQ"):
        await submit_jobs("amqp://guest:guest@127.0.0.1:1/", [job("a")], seconds=20)


@pytest.mark.parametrize("url", ["", "localhost", "http://127.0.0.1:1/"])
async def test_a_wrong_address_is_no_crash(url: str) -> None:
    with pytest.raises(Unavailable):
        await submit_jobs(url, [job("a")], seconds=20)


async def test_a_broker_without_the_job_queue_is_an_error(amqp_url: str) -> None:
    with pytest.raises(Unavailable, match=topology.JOBS):
        await submit_jobs(amqp_url, [job("a")], seconds=20)


@pytest.mark.parametrize("body", [b"no json", b'{"job_id": "a"}', b"", b"[]"])
async def test_an_invalid_answer_is_ignored(ingest: AnsweringIngest, body: bytes) -> None:
    ingest.before_answering = body
    async with ingest.listening():
        sent = await submit_jobs(ingest.url, [job("a")], seconds=60)
    assert [a.result for a in sent.answers.values()] == ["done"]
