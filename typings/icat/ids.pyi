from collections.abc import Mapping, Sequence
from http.client import HTTPResponse

class DataSelection:
    def __init__(self, objs: Mapping[str, Sequence[int]] | None = None) -> None: ...

class IDSClient:
    def restore(self, selection: DataSelection) -> None: ...
    def getStatus(self, selection: DataSelection) -> str: ...
    def getData(
        self,
        selection: DataSelection,
        compressFlag: bool = False,
        zipFlag: bool = False,
        outname: str | None = None,
        offset: int = 0,
    ) -> HTTPResponse: ...
