"""portal dead-letters: what failed for good, why, and once more."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import aio_pika
import typer
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPException
from portal_shared.messaging import topology
from portal_shared.messaging.publisher import Publisher
from rich.console import Console
from rich.table import Table

from portal_cli.instance.facts import (
    DEFAULT,
    OUT_OF_REACH,
    USAGE,
    Data,
    Json,
    NoInstance,
    bus_settings,
    fail,
)

T = TypeVar("T")
app = typer.Typer(help="What failed, why, and again.", no_args_is_help=True)
Which = Annotated[str, typer.Argument(help="The message id, or `all`.")]
KEPT = ("traceparent", "x-reply-to")


def told(message: AbstractIncomingMessage) -> dict[str, Any]:
    """A dead letter as facts: where it died, of what, how often, when."""
    headers = dict(message.headers)
    return {
        "id": message.message_id,
        "queue": str(headers.get("x-queue") or ""),
        "kind": message.type,
        "reason": str(headers.get("x-reason") or "the broker gave up on it: it kept dying"),
        "error": headers.get("x-error"),
        "attempts": headers.get("x-attempt"),
        "first": headers.get("x-first-failed"),
        "last": headers.get("x-last-failed"),
        "history": headers.get("x-history"),
        "correlation_id": message.correlation_id,
        "bytes": len(message.body),
    }


async def each(data: Path, visit: Callable[[AbstractIncomingMessage], Awaitable[bool]]) -> None:
    """Show every dead letter to `visit`; those it says True to are gone, the others stay."""
    connection = await aio_pika.connect(bus_settings(data).amqp_url.get_secret_value(), timeout=10)
    async with connection:
        for service in topology.SERVICES:
            channel = await connection.channel()  # closing it gives back what was not acked
            queue = await channel.get_queue(topology.dead_queue(service))
            while (message := await queue.get(no_ack=False, fail=False)) is not None:
                if await visit(message):
                    await message.ack()
            await channel.close()


def run(work: Awaitable[T]) -> T:
    async def inner() -> T:
        return await work

    try:
        return asyncio.run(inner())
    except NoInstance as error:
        raise fail(str(error), OUT_OF_REACH) from error
    except (AMQPException, OSError) as error:
        raise fail(f"the broker does not answer: {error!r}", OUT_OF_REACH) from error


async def found(data: Path) -> list[tuple[dict[str, Any], bytes]]:
    """One per message and queue: a crash between copy and acknowledgement can leave two."""
    letters: dict[tuple[str, str], tuple[dict[str, Any], bytes]] = {}

    async def keep(message: AbstractIncomingMessage) -> bool:
        facts = told(message)
        letters[str(facts["id"]), facts["queue"]] = (facts, message.body)
        return False

    await each(data, keep)
    return list(letters.values())


@app.command("list")
def list_(data: Data = DEFAULT, *, as_json: Json = False) -> None:
    """All dead letters. Exit code 0, also when there are some."""
    letters = [facts for facts, _ in run(found(data))]
    if as_json:
        typer.echo(json.dumps(letters, indent=1))
        return
    table = Table("id", "queue", "attempts", "last", "reason")
    for facts in letters:
        table.add_row(*(str(facts[k] or "") for k in ("id", "queue", "attempts", "last", "reason")))
    Console().print(table if letters else "none")


@app.command()
def show(which: Which, data: Data = DEFAULT, *, as_json: Json = False) -> None:
    """One dead letter with its body. Exit code 2: there is none of that id."""
    letters = [(f, b) for f, b in run(found(data)) if which in ("all", f["id"])]
    if not letters:
        raise fail(f"no dead letter {which!r}", USAGE)
    for facts, body in letters:
        text = body.decode("utf-8", "replace")
        if as_json:
            typer.echo(json.dumps({**facts, "body": text}, indent=1))
        else:
            for name, value in facts.items():
                typer.echo(f"{name}: {value}")
            typer.echo(text)


@app.command()
def replay(which: Which, data: Data = DEFAULT) -> None:
    """Put it back into the queue it died in, attempts from 0. Exit code 2: none of that id."""
    count = run(_replay(data, which))
    if not count:
        raise fail(f"no dead letter {which!r}", USAGE)
    typer.echo(f"replayed {count}")


async def _replay(data: Path, which: str) -> int:
    publisher = Publisher(bus_settings(data), "cli")
    done: set[tuple[str, str]] = set()

    async def again(message: AbstractIncomingMessage) -> bool:
        facts = told(message)
        if which not in ("all", facts["id"]):
            return False
        key = (str(facts["id"]), facts["queue"])
        if key not in done and facts["queue"]:
            history = f"{facts['history'] or ''}{facts['last']}: {facts['reason']}\n"[-4000:]
            headers = {k: v for k, v in message.headers.items() if k in KEPT}
            await publisher.publish(
                message.body,
                exchange="",
                routing_key=facts["queue"],
                message_id=str(facts["id"] or ""),
                kind=message.type or "",
                correlation_id=message.correlation_id,
                headers={**headers, "x-history": history},
            )
            done.add(key)
        return bool(facts["queue"])

    try:
        await each(data, again)
    finally:
        await publisher.close()
    return len(done)


@app.command()
def discard(which: Which, data: Data = DEFAULT) -> None:
    """Remove it for good. Exit code 2: there is none of that id."""
    gone: set[tuple[str, str]] = set()

    async def drop(message: AbstractIncomingMessage) -> bool:
        facts = told(message)
        if which not in ("all", facts["id"]):
            return False
        gone.add((str(facts["id"]), facts["queue"]))
        return True

    run(each(data, drop))
    if not gone:
        raise fail(f"no dead letter {which!r}", USAGE)
    typer.echo(f"discarded {len(gone)}")
