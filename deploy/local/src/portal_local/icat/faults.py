"""Fault injection for tests, and the number of calls of each operation."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from typing import Any, cast

from portal_local.icat.errors import KINDS, Kind
from portal_local.icat.wire.wsdl import OPERATIONS

FAULTS = frozenset(
    {
        "http",
        "slow",
        "lock_wait",
        "error",
        "unknown_type",
        "bare_fault",
        "html",
        "truncate",
        "drop_before",
        "drop_after",
    }
)
WSDL = "wsdl"  # as `operation` of a fault: a client reads this document before its first call
_STATUSES = frozenset(int(status) for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST)
_MAX_COUNT = 1_000_000
_MAX_SECONDS = 600


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "fault": lambda value: value in FAULTS,
    "count": lambda value: type(value) is int and 1 <= value <= _MAX_COUNT,
    "operation": lambda value: value is None or value == WSDL or value in OPERATIONS,
    "status": lambda value: type(value) is int and value in _STATUSES,
    "seconds": lambda value: type(value) in {int, float} and 0 <= value <= _MAX_SECONDS,
    "type": lambda value: value in KINDS,
    "message": lambda value: isinstance(value, str),
}


class InvalidFaultOrder(ValueError):
    """The body of a POST to /_faults is invalid; the message names the field."""


@dataclass(frozen=True, slots=True)
class Fault:
    fault: str
    count: int = 1
    operation: str | None = None  # or WSDL; None: any operation
    status: int = 503
    seconds: float = 1.0
    type: Kind = "INTERNAL"
    message: str = "injected by a test"


@dataclass(frozen=True, slots=True)
class FaultOrder:
    """The content of one POST to /_faults."""

    expire_sessions: bool
    delete_all: bool
    faults: tuple[Fault, ...]
    clear: bool


class FaultInjector:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._calls: Counter[str] = Counter()

    def record_call(self, operation: str) -> Fault | None:
        """Counts the call and returns the fault to apply to it, if any."""
        with self._lock:
            self._calls[operation] += 1
            return self._take(None, operation)

    def of_wsdl(self) -> Fault | None:
        """Returns the fault to apply to a request for the WSDL, if any."""
        with self._lock:
            return self._take(WSDL)

    def _take(self, *operations: str | None) -> Fault | None:
        for index, fault in enumerate(self._faults):
            if fault.operation in operations:
                if fault.count > 1:
                    self._faults[index] = replace(fault, count=fault.count - 1)
                else:
                    del self._faults[index]
                return fault
        return None

    def apply(self, order: FaultOrder) -> None:
        with self._lock:
            if order.clear:
                self._faults.clear()
            self._faults.extend(order.faults)

    def pending(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def call_counts(self) -> dict[str, int]:
        with self._lock:
            return dict(sorted(self._calls.items()))


def parse(body: bytes) -> FaultOrder:
    """Parses the body of a POST to /_faults. Raises InvalidFaultOrder."""
    try:
        given: object = json.loads(body)
    except ValueError as error:
        raise InvalidFaultOrder(f"the body is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise InvalidFaultOrder("the body is not a JSON object")
    order = cast("dict[str, object]", given)
    if unknown := order.keys() - {"expire_sessions", "delete_all", "faults", "clear"}:
        raise InvalidFaultOrder(f"unknown field {min(unknown)!r}")
    faults = order.get("faults", [])
    if not isinstance(faults, list):
        raise InvalidFaultOrder("faults: must be a list")
    return FaultOrder(
        expire_sessions=_flag(order, "expire_sessions"),
        delete_all=_flag(order, "delete_all"),
        faults=tuple(_fault(item) for item in cast("list[object]", faults)),
        clear=_flag(order, "clear"),
    )


def _flag(order: dict[str, object], name: str) -> bool:
    value = order.get(name, False)
    if not isinstance(value, bool):
        raise InvalidFaultOrder(f"{name}: must be true or false")
    return value


def _fault(given: object) -> Fault:
    if not isinstance(given, dict):
        raise InvalidFaultOrder("faults: each must be an object")
    item = cast("dict[str, Any]", given)
    for name, value in item.items():
        if name not in _CHECKS:
            raise InvalidFaultOrder(f"faults: unknown field {name!r}")
        if isinstance(value, list | dict) or not _CHECKS[name](value):
            raise InvalidFaultOrder(f"faults: {name}: {value!r} is not allowed")
    if "fault" not in item:
        raise InvalidFaultOrder(f"faults: fault must be one of {', '.join(sorted(FAULTS))}")
    return Fault(**item)
