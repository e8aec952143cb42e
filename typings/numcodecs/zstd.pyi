from typing import TypeVar, overload

T = TypeVar("T")

@overload
def decompress(source: memoryview) -> bytes: ...
@overload
def decompress(source: memoryview, dest: T) -> T: ...
