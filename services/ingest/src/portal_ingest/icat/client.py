"""Client of ICAT: python-icat with request timeouts, translated errors and fast object creation.

It blocks and is not thread-safe: each worker thread owns one client. Building objects from the
schema is the slowest part of the library, so each kind is built once and copied.
"""

import copy
import http.client
import math
import re
import ssl
import threading
import xml.sax
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import icat
import icat.entity
import icat.exception
from portal_shared.runtime.errors import Invalid, Unavailable
from portal_shared.runtime.logs import logger
from portal_shared.runtime.tls import tls_context
from suds.sudsobject import Object
from suds.transport import TransportError
from typing_extensions import override

from portal_ingest.icat import suds_patches
from portal_ingest.icat.transport import KeepAliveTransport
from portal_ingest.settings import IngestSettings

log = logger(__name__)

PERMANENT = (
    icat.exception.ICATParameterError,
    icat.exception.ICATValidationError,
    icat.exception.ICATPrivilegesError,
    icat.exception.ICATNotImplementedError,
)
# Messages of the drivers of ICAT's databases for what passes: locks, deadlocks, lost connections.
TRANSIENT = re.compile(
    r"TransactionRollback|Deadlock|Lock wait timeout|LockTimeout|QueryTimeout"
    r"|Communications link|CommunicationsException|Connection (?:is )?closed"
    r"|No operations allowed after|NonTransientConnection|PoolingException"
    r"|Error in allocating a connection",
    re.IGNORECASE,
)
PAGE_ROWS = 1000  # ICAT refuses more than maxEntities objects, 10 000 by default


class DatabaseRefusal(Exception):
    """ICAT's database refused an object, for a reason that is not in the response."""


suds_patches.apply()


class IcatClient(icat.Client):
    """Loads the schema once per process and copies new objects from templates."""

    _schema: ClassVar[dict[tuple[str, str], Any]] = {}
    _schema_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, url: str, *, timeout: float, **arguments: Any) -> None:
        self._templates: dict[str, Any] = {}
        self._page_rows = PAGE_ROWS
        self._server = url
        self._timeout = timeout
        super().__init__(url, **arguments)

    @override
    def set_options(self, **options: Any) -> None:
        """Replaces a new transport by ours, with our timeout instead of 90 s per request."""
        if "transport" in options:
            options["transport"] = KeepAliveTransport(self.sslContext)
            options["timeout"] = self._timeout
        super().set_options(**options)

    def close(self) -> None:
        """Closes the connection, without a logout."""
        self.options.transport.close()

    @override
    def getEntityInfo(self, beanname: str) -> Any:
        key = (self._server, beanname)
        with self._schema_lock:
            info = self._schema.get(key)
        if info is None:
            info = super().getEntityInfo(beanname)
            with self._schema_lock:
                self._schema[key] = info
        return info

    @override
    def create(self, bean: Any) -> Any:
        return super().create(_sparse(icat.entity.Entity.getInstance(bean)))

    @override
    def update(self, bean: Any) -> None:
        """Writes all attributes of an object; of the objects that it refers to, only the ids.

        ICAT reads nothing else, leaves lists as they are, and unsets what is not in the request.
        """
        super().update(_with_references(_sparse(icat.entity.Entity.getInstance(bean))))

    @override
    def get(self, query: str, primaryKey: int) -> Any:  # the library's name
        return super().get(query, primaryKey)

    @override
    def search(self, query: str) -> list[Any]:
        return list(super().search(query))

    def read(self, template: str, **values: object) -> list[Any]:
        """Runs the query with each {name} in the template replaced by its value as JPQL literal."""
        return self.search(template.format(**{k: literal(v) for k, v in values.items()}))

    def pages(self, template: str, *, include: str = "", **values: object) -> Generator[list[Any]]:
        """Yields the rows of a query of any number, in order of their ids, one page at a time.

        The template selects `o`, or `o.id` and other attributes, and ends with its conditions. The
        rows of a page may be deleted before the next is read. Pages get smaller while ICAT refuses
        them: `maxEntities` also counts what is included.
        """
        included = f" INCLUDE {include}" if include else ""
        query = f"{template} AND o.id > {{last}} ORDER BY o.id{included} LIMIT 0, {{count}}"
        last = 0
        while True:
            count = self._page_rows
            try:
                rows = self.read(query, **values, last=last, count=count)
            except icat.exception.ICATValidationError:
                if count == 1:
                    raise
                self._page_rows = count // 2
                continue
            if rows:
                end = rows[-1]
                last = int(end.id if hasattr(end, "id") else end[0])
                yield rows
            if len(rows) < count:
                return

    def read_all(self, template: str, *, include: str = "", **values: object) -> list[Any]:
        """Returns the rows of all pages; see `pages`."""
        return [row for page in self.pages(template, include=include, **values) for row in page]

    def make(self, kind: str, **attributes: Any) -> Any:
        """Returns a new object, without the attributes that are None."""
        return self.new(kind, **{k: v for k, v in attributes.items() if v is not None})

    def stub(self, kind: str, object_id: int) -> Any:
        """Returns a reference to an existing object; ICAT reads only its id."""
        return self.new(kind, id=object_id)

    @override
    def new(self, obj: Any, **attributes: Any) -> Any:
        if not isinstance(obj, str):
            return super().new(obj, **attributes)
        name = obj.lower()
        template = self._templates.get(name)
        if template is None:
            template = super().new(obj).instance
            self._templates[name] = template
        return super().new(_copy(template), **attributes)


def _copy(template: Any) -> Any:
    """Copies an object and its lists; building it from the schema takes 4 ms."""
    copied = copy.copy(template)
    copied.__keylist__ = list(template.__keylist__)
    for name in template.__keylist__:
        value = getattr(template, name)
        if isinstance(value, list):
            setattr(copied, name, list(cast("list[Any]", value)))
    return copied


def _sparse(value: Any) -> Any:
    """Copies an object without unset attributes, at all levels: suds visits each to omit it."""
    if isinstance(value, list):
        return [_sparse(one) for one in cast("list[Any]", value)]
    if not isinstance(value, Object):
        return value
    sparse = copy.copy(value)
    sparse.__keylist__ = []
    for name in value.__keylist__:
        attribute = sparse.__dict__.pop(name)
        if attribute is not None and attribute != []:
            setattr(sparse, name, _sparse(attribute))
    return sparse


def _with_references(sparse: Any) -> Any:
    """Removes all but the ids from the objects that an object refers to."""
    for name in sparse.__keylist__:
        value = getattr(sparse, name)
        if isinstance(value, Object):
            for inner in [key for key in value.__keylist__ if key != "id"]:
                delattr(value, inner)
    return sparse


def connect(settings: IngestSettings) -> IcatClient:
    """Returns a client that is logged in. Raises Unavailable, or Invalid if ICAT refuses us."""
    with translated():
        client = IcatClient(
            settings.icat_url,
            timeout=settings.icat_timeout,
            cache=None,  # the cache of suds is a folder in /tmp that a killed process leaves
            sslContext=tls_context(settings.icat_ca_file),
        )
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
    """Returns a value or a list as JPQL literal; nothing else enters a query. Raises TypeError.

    A date is none: ICAT would read it in the zone of its server.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"({', '.join(map(literal, cast('Sequence[object]', value)))})"
    raise TypeError(f"{type(value).__name__} cannot be written as a JPQL literal")


@contextmanager
def translated() -> Generator[None]:
    """Translates errors of ICAT, python-icat and suds to Unavailable, Invalid, DatabaseRefusal."""
    try:
        yield
    except (Unavailable, Invalid, DatabaseRefusal):
        raise
    except (icat.exception.ICATObjectExistsError, icat.exception.ICATNoObjectError):
        raise
    except icat.exception.ICATError as error:
        raise _translate(error) from error
    except (OSError, http.client.HTTPException) as error:  # URLError and TimeoutError among them
        raise Unavailable(_connection_failure(error)) from error
    except (xml.sax.SAXParseException, AttributeError, KeyError, ValueError) as error:
        raise Unavailable(f"the response of ICAT is not SOAP: {error!r}") from error
    except TransportError as error:  # an HTTP status instead of the WSDL: 404 while ICAT starts
        raise Unavailable(f"ICAT has no WSDL at PORTAL_ICAT_URL: {error}") from error
    except Exception as error:
        if type(error) is Exception:  # raised by suds for an HTTP status
            raise Unavailable(f"ICAT: HTTP {error}") from error
        raise


def _connection_failure(error: Exception) -> str:
    reason = getattr(error, "reason", error)  # of URLError
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"the certificate of ICAT is not trusted ({reason.verify_message}); if it is of a"
            " private authority, PORTAL_ICAT_CA_FILE has to name the authority's certificate"
        )
    return f"ICAT: {error!r}"


def _reason(error: icat.exception.ICATError) -> str:
    """Returns the message; of ICAT's database that of its driver, without the SQL around it."""
    text = str(error.message)
    _, _, cause = text.partition("Internal Exception: ")
    return re.split(r"\n(?:Error Code|Call): ", cause or text)[0].strip()


def _translate(error: icat.exception.ICATError) -> Exception:
    message, reason = str(error.message), _reason(error)
    if isinstance(error, icat.exception.ICATInternalError) and TRANSIENT.search(message):
        return Unavailable(f"ICAT's database: {reason}")
    if isinstance(error, PERMANENT):
        return Invalid(f"ICAT refused the request: {reason}", field="icat")
    if "Unexpected DB response" in message or "core.IcatException" in message:
        return DatabaseRefusal(reason)
    return Unavailable(f"ICAT: {reason}")
