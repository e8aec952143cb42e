"""portal topology: compares the broker with what this version needs, and makes what is missing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from portal_cli.instance.addresses import AMQP_VARIABLE, amqp_url, exit_without_instance
from portal_cli.terminal import (
    DEFAULT_DATA,
    EXIT_FAILED,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    Data,
    Json,
    fail,
    print_json,
)

if TYPE_CHECKING:
    from pathlib import Path

    from portal_shared.messaging.broker.plan import Step
    from portal_shared.messaging.broker.settings import TopologySettings

EXIT_DIFFERENT = 4
PlanOnly = Annotated[bool, typer.Option("--plan", help="Show the differences; change nothing.")]
Apply = Annotated[bool, typer.Option("--apply", help="Make what is missing.")]


def topology(
    data: Data = DEFAULT_DATA,
    *,
    plan_only: PlanOnly = False,
    apply: Apply = False,
    as_json: Json = False,
) -> None:
    """Show how the broker differs from what this version needs, and make what is missing.

    Compared (--plan) and made (--apply) are exchanges, queues, bindings, policies of their limits,
    and the users of the services with their rights. Nothing is deleted. Settings are those of
    `portal-topology`: docs/settings.md.

    Signs: + is missing, ~ differs, x cannot be changed, ! stays as it is, - is needed no more.

    Exit codes: 0 nothing to do, or done, 1 something exists that cannot be changed, 2 a setting is
    not valid, 3 the broker does not respond, 4 (--plan) there is something to make.
    """
    if plan_only == apply:
        raise fail("Select --plan or --apply.", EXIT_USAGE)
    from portal_shared.messaging.broker import plan, preparation
    from portal_shared.runtime.errors import Conflict, PortalError, Unavailable

    work = preparation.find_differences if plan_only else preparation.apply
    try:
        steps = asyncio.run(work(_settings(data)))
    except Conflict as error:
        raise fail(f"The broker is not as this version needs it: {error}", EXIT_FAILED) from error
    except Unavailable as error:
        raise fail(f"The broker did not respond as expected: {error}", EXIT_UNREACHABLE) from error
    except PortalError as error:
        raise fail(str(error), EXIT_USAGE) from error
    _print(steps, as_json=as_json)
    if plan.conflicts(steps):
        raise typer.Exit(EXIT_FAILED)
    if plan_only and plan.to_make(steps):
        raise typer.Exit(EXIT_DIFFERENT)


def _settings(data: Path) -> TopologySettings:
    """Returns the settings of the environment; the broker is that of the instance if none is set.

    Ends the command if a setting is not valid.
    """
    from portal_shared.messaging.broker.settings import TopologySettings
    from pydantic import SecretStr, ValidationError

    try:
        settings = TopologySettings()
        if "amqp_url" not in settings.model_fields_set:
            with exit_without_instance():
                found = SecretStr(amqp_url(data))
            settings = settings.model_copy(update={"amqp_url": found})
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"][:1]).upper()
        reason = f"{AMQP_VARIABLE.partition('_')[0]}_{name} is not valid: {first['msg']}"
        raise fail(reason, EXIT_USAGE) from error
    return settings


def _print(steps: list[Step], *, as_json: bool) -> None:
    if as_json:
        names = ("sign", "kind", "name", "detail")
        print_json([{name: getattr(step, name) for name in names} for step in steps])
        return
    for step in steps:
        typer.echo(str(step))
    if not steps:
        typer.echo("no differences")
