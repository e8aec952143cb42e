from typing import Any

class Client:
    def set_options(self, **options: Any) -> None: ...
