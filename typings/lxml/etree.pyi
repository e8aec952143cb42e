# What the ICAT simulator uses of it.
from collections.abc import Iterator
from typing import overload

class XMLSyntaxError(SyntaxError): ...

class XMLParser:
    def __init__(
        self,
        *,
        resolve_entities: bool = True,
        no_network: bool = True,
        remove_comments: bool = False,
        remove_pis: bool = False,
    ) -> None: ...

class DocInfo:
    doctype: str

class ElementTree:
    docinfo: DocInfo

class _Element:
    tag: str
    text: str | None
    @overload
    def get(self, key: str) -> str | None: ...
    @overload
    def get(self, key: str, default: str) -> str: ...
    def find(self, path: str) -> _Element | None: ...
    def getroottree(self) -> ElementTree: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> _Element: ...
    def __iter__(self) -> Iterator[_Element]: ...

def fromstring(text: bytes, parser: XMLParser | None = None) -> _Element: ...
