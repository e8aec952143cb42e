# python-icat 1.7: what the portal uses of it.
from collections.abc import Mapping, Sequence
from ssl import SSLContext
from typing import Any

import suds.client
from icat.entity import Entity
from icat.ids import IDSClient
from suds.sudsobject import Object

class Client(suds.client.Client):
    autoLogout: bool
    sessionId: str | None
    sslContext: SSLContext | None
    @property
    def ids(self) -> IDSClient: ...  # without an idsurl there is none
    def __init__(
        self,
        url: str,
        idsurl: str | None = None,
        checkCert: bool = True,
        caFile: str | None = None,
        caPath: str | None = None,
        sslContext: Any = None,
        proxy: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None: ...
    def new(self, obj: str | Object, /, **attributes: Any) -> Entity: ...
    def login(self, auth: str, credentials: Mapping[str, str]) -> str: ...
    def getEntityInfo(self, beanName: str, /) -> Any: ...
    def create(self, bean: Entity | Object, /) -> int: ...
    def createMany(self, beans: Sequence[Entity]) -> list[int]: ...
    def delete(self, bean: Entity | Object) -> None: ...
    def deleteMany(self, beans: Sequence[Entity]) -> None: ...
    def get(self, query: str, primaryKey: int) -> Entity: ...
    def search(self, query: str) -> Sequence[Any]: ...  # entities or values, as the query says
    def update(self, bean: Entity | Object) -> None: ...
    def autoRefresh(self) -> None: ...
