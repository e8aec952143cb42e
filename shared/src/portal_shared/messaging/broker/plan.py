"""Compares what the broker has with what this version needs. Pure: no I/O.

Nothing is ever deleted: what a release no longer needs may be in use by replicas of the one before.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from portal_shared.messaging import topology
from portal_shared.messaging.broker.wanted import Account, Policy, Rights, Wanted
from portal_shared.messaging.topology import Binding

SALT_BYTES = 4
HASHES = {
    "rabbit_password_hashing_sha256": hashlib.sha256,
    "rabbit_password_hashing_sha512": hashlib.sha512,
}


class Sign(StrEnum):
    CREATE = "+"
    CHANGE = "~"
    CONFLICT = "x"  # cannot be made: somebody must act
    NOTE = "!"  # left as it is, for a reason
    UNUSED = "-"  # needed by no replica of this version; left as it is


@dataclass(frozen=True)
class Step:
    """One difference. Those with CREATE or CHANGE have the value that `kind` gets."""

    sign: Sign
    kind: str  # exchange, queue, binding, policy, user, rights
    name: str
    detail: str = ""
    value: Any = None

    def __str__(self) -> str:
        return f"{self.sign} {self.kind} {self.name}{': ' if self.detail else ''}{self.detail}"


@dataclass(frozen=True)
class FoundQueue:
    arguments: Mapping[str, Any]
    messages: int = 0
    policy: str = ""  # the one that holds


@dataclass(frozen=True)
class FoundUser:
    password_hash: str
    algorithm: str
    tags: tuple[str, ...] = ()

    def has_password(self, password: str) -> bool:
        """Whether this is the password; False if the broker's way of hashing is not known."""
        stored = base64.b64decode(self.password_hash)
        make = HASHES.get(self.algorithm)
        return (
            make is not None
            and stored[SALT_BYTES:] == make(stored[:SALT_BYTES] + password.encode()).digest()
        )


@dataclass
class Found:
    """What the virtual host has; users are those of the whole broker."""

    exchanges: dict[str, str] = field(default_factory=dict[str, str])
    queues: dict[str, FoundQueue] = field(default_factory=dict[str, FoundQueue])
    bindings: set[Binding] = field(default_factory=set[Binding])
    policies: dict[str, Policy] = field(default_factory=dict[str, Policy])
    users: dict[str, FoundUser] = field(default_factory=dict[str, FoundUser])
    rights: dict[str, Rights] = field(default_factory=dict[str, Rights])


def compare(wanted: Wanted, found: Found) -> list[Step]:
    """Returns the differences in the order in which they must be made.

    Policies come before the queues, so that no queue is without its limits.
    """
    return [
        *_policies(wanted, found),
        *_exchanges(wanted, found),
        *_queues(wanted, found),
        *_bindings(wanted, found),
        *(step for account in wanted.accounts for step in _account(account, found)),
    ]


def to_make(steps: list[Step]) -> list[Step]:
    """Returns the steps that change the broker."""
    return [step for step in steps if step.sign in (Sign.CREATE, Sign.CHANGE)]


def conflicts(steps: list[Step]) -> list[Step]:
    return [step for step in steps if step.sign is Sign.CONFLICT]


def _policies(wanted: Wanted, found: Found) -> Iterator[Step]:
    for name, policy in wanted.policies.items():
        old = found.policies.get(name)
        limits = ", ".join(f"{key} {value}" for key, value in policy.limits.items())
        if old is None:
            yield Step(Sign.CREATE, "policy", name, limits, policy)
        elif old != policy:
            yield Step(Sign.CHANGE, "policy", name, _differences(old, policy), policy)
    for name, queue in found.queues.items():
        if name in wanted.topology.queues and queue.policy not in ("", *wanted.policies):
            reason = f"the policy {queue.policy} wins over ours, with its limits"
            yield Step(Sign.NOTE, "queue", name, reason)


def _differences(old: Policy, new: Policy) -> str:
    before, after = ({"pattern": p.pattern, **p.limits} for p in (old, new))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return ", ".join(f"{n} {before.get(n, 'none')} -> {after.get(n, 'none')}" for n in names)


def _exchanges(wanted: Wanted, found: Found) -> Iterator[Step]:
    for name, kind in wanted.topology.exchanges.items():
        old = found.exchanges.get(name)
        if old is None:
            yield Step(Sign.CREATE, "exchange", name, kind, kind)
        elif old != kind:
            yield Step(Sign.CONFLICT, "exchange", name, f"is of type {old} and must be {kind}")


def _queues(wanted: Wanted, found: Found) -> Iterator[Step]:
    for name, arguments in wanted.topology.queues.items():
        old = found.queues.get(name)
        if old is None:
            yield Step(Sign.CREATE, "queue", name, "", arguments)
            continue
        every = {**old.arguments, **arguments}
        differ = [key for key in every if old.arguments.get(key) != arguments.get(key)]
        for key in differ:
            has = f"{key} is {old.arguments.get(key)}"
            if key in topology.LIMITS:
                yield Step(Sign.NOTE, "queue", name, f"{has}; the lower of it and the policy holds")
            else:
                reason = f"{has} and must be {arguments.get(key)}: see deploy/runbooks/broker.md"
                yield Step(Sign.CONFLICT, "queue", name, reason)
    for name, queue in found.queues.items():
        is_ours = topology.is_work_queue(name) or name.startswith(topology.RETRY_PREFIX)
        if is_ours and name not in wanted.topology.queues:
            yield Step(Sign.UNUSED, "queue", name, f"{queue.messages} messages")


def _bindings(wanted: Wanted, found: Found) -> Iterator[Step]:
    needed = set(wanted.topology.bindings)
    for binding in wanted.topology.bindings:
        if binding not in found.bindings:
            yield Step(Sign.CREATE, "binding", _name(binding), "", binding)
    for binding in sorted(found.bindings - needed, key=_name):
        if binding.queue in wanted.topology.queues and binding.exchange:
            yield Step(Sign.UNUSED, "binding", _name(binding))


def _name(binding: Binding) -> str:
    return f"{binding.exchange} -> {binding.queue} ({binding.key})"


def _account(account: Account, found: Found) -> Iterator[Step]:
    old = found.users.get(account.name)
    if old is None:
        yield Step(Sign.CREATE, "user", account.name, "", account)
    else:
        wrong = [] if old.has_password(account.password) else ["another password"]
        wrong += [f"no longer {tag}" for tag in old.tags]
        if wrong:
            yield Step(Sign.CHANGE, "user", account.name, ", ".join(wrong), account)
    rights = found.rights.get(account.name)
    if rights != account.rights:
        sign = Sign.CHANGE if rights else Sign.CREATE
        names = ("configure", "write", "read", "events")
        detail = ", ".join(
            f"{name} {getattr(account.rights, name)}"
            for name in names
            if rights is None or getattr(rights, name) != getattr(account.rights, name)
        )
        yield Step(sign, "rights", account.name, detail, account)
