from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from lark.exceptions import UnexpectedCharacters as UnexpectedCharacters
from lark.exceptions import UnexpectedInput as UnexpectedInput
from lark.exceptions import UnexpectedToken as UnexpectedToken

_Leaf = TypeVar("_Leaf")
_Result = TypeVar("_Result")
_Class = TypeVar("_Class", bound=type)

class Token(str):
    type: str
    start_pos: int

class Tree(Generic[_Leaf]):
    data: str
    children: list[_Leaf | Tree[_Leaf]]

class Lark:
    def __init__(self, grammar: str, *, parser: str, start: Sequence[str]) -> None: ...
    def parse(self, text: str, start: str) -> Tree[Token]: ...

class Transformer_NonRecursive(Generic[_Leaf, _Result]):
    def transform(self, tree: Tree[_Leaf]) -> _Result: ...

def v_args(*, inline: bool) -> Callable[[_Class], _Class]: ...
