from typing import Any

class SchemaObject:
    def get_child(self, name: str) -> tuple[Any, list[Any]]: ...
