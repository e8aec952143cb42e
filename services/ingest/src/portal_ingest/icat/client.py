"""python-icat, made fit for a service: quick to build, renewed sessions, errors translated.

It blocks and is not thread-safe: each worker thread owns one client. What the library costs most is
building objects from the schema, so each kind is built once and copied.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportIncompatibleMethodOverride=false, reportUnknownParameterType=false, reportUntypedBaseClass=false

import copy
import http.client
import math
import threading
import xml.sax
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

import icat
import icat.entity
import icat.exception
import suds.mx.literal
import suds.xsd.sxbase
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.logs import logger
from suds.sudsobject import Object
from typing_extensions import override

from portal_ingest.settings import IngestSettings

log = logger(__name__)

PERMANENT = (
    icat.exception.ICATParameterError,
    icat.exception.ICATValidationError,
    icat.exception.ICATPrivilegesError,
    icat.exception.ICATNotImplementedError,
)
TIMESTAMP = "{ts %Y-%m-%d %H:%M:%S}"  # read in the server's time zone


class RefusedInside(Exception):
    """The database refused something below the outermost object; ICAT does not say what."""


_get_child = suds.xsd.sxbase.SchemaObject.get_child


def _remembered_child(self: Any, name: str) -> tuple[Any, list[Any]]:
    """A part of a type by its name: suds looks through the whole schema for every element.

    The schema does not change once it is loaded, and only then is this asked.
    """
    memory: dict[str, tuple[Any, list[Any]]] = self.__dict__.setdefault("_remembered", {})
    if name not in memory:
        memory[name] = _get_child(self, name)
    child, ancestry = memory[name]
    return child, list(ancestry)


_ordering = suds.mx.literal.Typed.ordering


def _remembered_ordering(self: Any, type: Any) -> list[str]:  # noqa: A002  # the name there
    """The names of a type's parts in their order, which suds collects for every object."""
    memory: dict[str, list[str]] = type.__dict__
    if "_remembered_ordering" not in memory:
        memory["_remembered_ordering"] = _ordering(self, type)
    return memory["_remembered_ordering"]


suds.xsd.sxbase.SchemaObject.get_child = _remembered_child
suds.mx.literal.Typed.ordering = _remembered_ordering


class QuickClient(icat.Client):
    """A client that asks for the schema once per process and builds objects from templates."""

    _schema: ClassVar[dict[tuple[str, str], Any]] = {}
    _schema_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, url: str, *, timeout: float, **arguments: Any) -> None:
        self._templates: dict[str, Any] = {}
        self._server = url
        self._timeout = timeout
        super().__init__(url, **arguments)

    @override
    def set_options(self, **options: Any) -> None:
        """With our timeout from the first request on: a new transport waits 90 s for each."""
        super().set_options(**options)
        if "transport" in options:
            super().set_options(timeout=self._timeout)

    @override
    def getEntityInfo(self, beanname: str) -> Any:
        key = (self._server, beanname)
        with self._schema_lock:
            known = self._schema.get(key)
        if known is None:
            known = super().getEntityInfo(beanname)
            with self._schema_lock:
                self._schema[key] = known
        return known

    @override
    def create(self, bean: Any) -> Any:
        return super().create(_sparse(icat.entity.Entity.getInstance(bean)))

    @override
    def get(self, query: str, primaryKey: int) -> Any:  # the library's name
        return super().get(query, primaryKey)

    @override
    def search(self, query: str) -> list[Any]:
        return list(super().search(query))

    def read(self, template: str, **values: object) -> list[Any]:
        """Search for `template` with each {name} replaced by its value as a JPQL literal."""
        return self.search(template.format(**{k: literal(v) for k, v in values.items()}))

    def make(self, kind: str, **attributes: Any) -> Any:
        """A new object, without the attributes that are None."""
        return self.new(kind, **{k: v for k, v in attributes.items() if v is not None})

    def stub(self, kind: str, known: int) -> Any:
        """A reference: its id is all that ICAT looks at."""
        return self.new(kind, id=known)

    @override
    def new(self, obj: Any, **attributes: Any) -> Any:
        if not isinstance(obj, str):
            return super().new(obj, **attributes)
        name = obj.lower()
        template = self._templates.get(name)
        if template is None:
            template = cast("Any", super().new(obj)).instance
            self._templates[name] = template
        return super().new(_copied(template), **attributes)


def _copied(template: Any) -> Any:
    """The object, with lists of its own; building it anew from the schema takes 4 ms."""
    made = copy.copy(template)
    made.__keylist__ = list(template.__keylist__)
    for name in template.__keylist__:
        value = getattr(template, name)
        if isinstance(value, list):
            setattr(made, name, list(value))
    return made


def _sparse(value: Any) -> Any:
    """The object and those in it without what is not set: suds looks at each, to leave it out."""
    if isinstance(value, list):
        return [_sparse(one) for one in value]
    if not isinstance(value, Object):
        return value
    made = copy.copy(value)
    made.__keylist__ = []
    for name in value.__keylist__:
        held = made.__dict__.pop(name)
        if held is not None and held != []:
            setattr(made, name, _sparse(held))
    return made


def connect(settings: IngestSettings) -> QuickClient:
    """A client that is logged in. Raises Unavailable, or Invalid when ICAT refuses us."""
    with translated():
        client = QuickClient(settings.icat_url, timeout=settings.icat_timeout)
        client.autoLogout = False
        client.login(
            settings.icat_authenticator,
            {
                "username": settings.icat_user,
                "password": settings.icat_password.get_secret_value(),
            },
        )
        return client


def literal(value: object) -> str:
    """A value as JPQL writes it; nothing else may reach a query. Raises TypeError."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime(TIMESTAMP)
    raise TypeError(f"{type(value).__name__} has no form in JPQL")


@contextmanager
def translated() -> Generator[None]:
    """ICAT's errors, and what else surfaces from under python-icat, as ours."""
    try:
        yield
    except (Unavailable, Invalid, RefusedInside):
        raise
    except (icat.exception.ICATObjectExistsError, icat.exception.ICATNoObjectError):
        raise
    except icat.exception.ICATError as error:
        raise _ours(error) from error
    except (OSError, http.client.HTTPException) as error:  # URLError and TimeoutError among them
        raise Unavailable(f"ICAT: {error!r}") from error
    except (xml.sax.SAXParseException, AttributeError, KeyError, ValueError) as error:
        raise Unavailable(f"ICAT answers with something else than SOAP: {error!r}") from error
    except Exception as error:
        if type(error) is Exception:  # how suds tells of an HTTP status
            raise Unavailable(f"ICAT: HTTP {error}") from error
        raise


def _ours(error: icat.exception.ICATError) -> Exception:
    message = str(error.message)
    if isinstance(error, PERMANENT):
        return Invalid(f"ICAT: {message}", field="icat")
    if "Unexpected DB response" in message or "core.IcatException" in message:
        return RefusedInside(message)
    return Unavailable(f"ICAT: {message}")
