from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

class SchemaError(Protocol):
    """A jsonschema.ValidationError."""

    @property
    def message(self) -> str: ...
    @property
    def absolute_path(self) -> Sequence[str | int]: ...

class _Validator(Protocol):
    schema: Mapping[str, Any]
    def iter_errors(self, instance: object) -> Iterator[SchemaError]: ...

validator: _Validator

def tostring(data: Mapping[str, Any]) -> str: ...
