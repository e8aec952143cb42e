# What the gateway uses of google-re2.
from collections.abc import Callable

class error(Exception): ...  # the library's name

class Options:
    log_errors: bool
    max_mem: int

class Match: ...

class Pattern:
    @property
    def search(self) -> Callable[[str], Match | None]: ...

def escape(pattern: str) -> str: ...
def compile(pattern: str, options: Options | None = None) -> Pattern: ...  # noqa: A001
