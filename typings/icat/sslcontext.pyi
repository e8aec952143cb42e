from ssl import SSLContext
from typing import Any

class HTTPSTransport:
    options: Any
    def __init__(self, context: SSLContext | None, **options: Any) -> None: ...
    def u2open(self, u2request: Any, timeout: float | None = None) -> Any: ...
