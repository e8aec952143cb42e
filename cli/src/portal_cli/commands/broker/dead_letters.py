"""portal dead-letters: lists, shows, replays and discards messages that failed for good."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from portal_cli.instance.addresses import bus_settings, exit_without_instance, unreachable
from portal_cli.terminal import (
    DEFAULT_DATA,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    Data,
    Json,
    fail,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from aio_pika.abc import AbstractIncomingMessage

T = TypeVar("T")
app = typer.Typer(
    help="List, show, replay and discard messages that failed for good.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
Selection = Annotated[
    str, typer.Argument(metavar="ID", help="Id of a message, or `all` for every dead letter.")
]
REPLAYED_HEADERS = ("traceparent", "x-reply-to")
MAX_HISTORY = 4000  # characters
COLUMNS = ("id", "queue", "attempts", "last", "reason")


@app.command("list")
def list_(data: Data = DEFAULT_DATA, *, as_json: Json = False) -> None:
    """List all dead letters.

    Exit codes: 0 listed, also if there are some, 3 the broker does not respond.
    """
    letters = [letter for letter, _ in _run(_read_all(data))]
    if as_json:
        print_json(letters)
        return
    if letters:
        print_table(COLUMNS, ([letter[column] or "" for column in COLUMNS] for letter in letters))
    else:
        typer.echo("none")


@app.command()
def show(selection: Selection, data: Data = DEFAULT_DATA, *, as_json: Json = False) -> None:
    """Show one dead letter, or all, with the content of the message.

    Exit codes: 0 shown, 2 there is no dead letter with this id, 3 the broker does not respond.
    """
    letters = [found for found in _run(_read_all(data)) if _is_selected(found[0], selection)]
    if not letters:
        raise _not_found(selection)
    for letter, body in letters:
        text = body.decode("utf-8", "replace")
        if as_json:
            print_json({**letter, "body": text})
        else:
            for name, value in letter.items():
                typer.echo(f"{name}: {value}")
            typer.echo(text)


@app.command()
def replay(selection: Selection, data: Data = DEFAULT_DATA) -> None:
    """Put a dead letter, or all, back into the queue where it failed. Attempts start at 0 again.

    Exit codes: 0 done, 2 there is no dead letter with this id, 3 the broker does not respond.
    """
    count = _run(_replay(data, selection))
    if not count:
        raise _not_found(selection)
    typer.echo(f"replayed {count}")


@app.command()
def discard(selection: Selection, data: Data = DEFAULT_DATA) -> None:
    """Delete a dead letter, or all, for good.

    Exit codes: 0 done, 2 there is no dead letter with this id, 3 the broker does not respond.
    """
    deleted: set[tuple[str, str]] = set()

    async def delete_selected(message: AbstractIncomingMessage) -> bool:
        letter = _describe(message)
        if not _is_selected(letter, selection):
            return False
        deleted.add(_key(letter))
        return True

    _run(_visit_all(data, delete_selected))
    if not deleted:
        raise _not_found(selection)
    typer.echo(f"discarded {len(deleted)}")


def _describe(message: AbstractIncomingMessage) -> dict[str, Any]:
    """Returns where and why the message failed, how often and when."""
    headers = dict(message.headers)
    return {
        "id": message.message_id,
        "queue": str(headers.get("x-queue") or ""),
        "kind": message.type,
        "reason": str(
            headers.get("x-reason")
            or "the consumer stopped each time the broker delivered this message"
        ),
        "error": headers.get("x-error"),
        "attempts": headers.get("x-attempt"),
        "first": headers.get("x-first-failed"),
        "last": headers.get("x-last-failed"),
        "history": headers.get("x-history"),
        "correlation_id": message.correlation_id,
        "bytes": len(message.body),
    }


def _key(letter: dict[str, Any]) -> tuple[str, str]:
    return str(letter["id"]), letter["queue"]


def _is_selected(letter: dict[str, Any], selection: str) -> bool:
    return selection in ("all", letter["id"])


def _not_found(selection: str) -> typer.Exit:
    return fail(f"There is no dead letter with the id {selection!r}.", EXIT_USAGE)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Runs the coroutine; ends the command with exit code 3 if the broker does not respond."""
    from aio_pika.exceptions import AMQPException
    from portal_shared.runtime.errors import PortalError

    with exit_without_instance():
        try:
            return asyncio.run(work)
        except (AMQPException, OSError, PortalError, ValueError) as error:
            reason = str(error) or repr(error)
            raise fail(f"{unreachable('broker')}: {reason}", EXIT_UNREACHABLE) from error


async def _visit_all(
    data: Path, visit: Callable[[AbstractIncomingMessage], Awaitable[bool]]
) -> None:
    """Calls `visit` with every dead letter; deletes those for which it returns True."""
    import aio_pika
    from portal_shared.messaging import topology

    connection = await aio_pika.connect(bus_settings(data).amqp_url.get_secret_value(), timeout=10)
    async with connection:
        for service in topology.SERVICES:
            channel = await connection.channel()  # closing it returns what was not acknowledged
            queue = await channel.get_queue(topology.dead_queue(service))
            while (message := await queue.get(no_ack=False, fail=False)) is not None:
                if await visit(message):
                    await message.ack()
            await channel.close()


async def _read_all(data: Path) -> list[tuple[dict[str, Any], bytes]]:
    """Returns one letter per message and queue: a crash while moving a message can leave two."""
    letters: dict[tuple[str, str], tuple[dict[str, Any], bytes]] = {}

    async def collect(message: AbstractIncomingMessage) -> bool:
        letter = _describe(message)
        letters[_key(letter)] = (letter, message.body)
        return False

    await _visit_all(data, collect)
    return list(letters.values())


async def _replay(data: Path, selection: str) -> int:
    """Publishes the selected letters to their queues; returns how many."""
    from portal_shared.messaging.publisher import Publisher

    publisher = Publisher(bus_settings(data), "cli")
    started = datetime.now(UTC).isoformat()
    replayed: set[tuple[str, str]] = set()

    async def replay_selected(message: AbstractIncomingMessage) -> bool:
        letter = _describe(message)
        if not _is_selected(letter, selection) or str(letter["last"] or "") >= started:
            return False  # or it failed again meanwhile: that letter stays
        if letter["queue"] and _key(letter) not in replayed:
            history = f"{letter['history'] or ''}{letter['last']}: {letter['reason']}\n"
            headers = {k: v for k, v in message.headers.items() if k in REPLAYED_HEADERS}
            await publisher.publish(
                message.body,
                exchange="",
                routing_key=letter["queue"],
                message_id=str(letter["id"] or ""),
                kind=message.type or "",
                correlation_id=message.correlation_id,
                headers={**headers, "x-history": history[-MAX_HISTORY:]},
            )
            replayed.add(_key(letter))
        return bool(letter["queue"])

    try:
        await _visit_all(data, replay_selected)
    finally:
        await publisher.close()
    return len(replayed)
