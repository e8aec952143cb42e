from typing import Any

class Typed:
    def ordering(self, type: Any) -> list[str]: ...
