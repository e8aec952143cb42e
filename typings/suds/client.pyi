from typing import Any

class Client:
    options: Any
    def set_options(self, **options: Any) -> None: ...
