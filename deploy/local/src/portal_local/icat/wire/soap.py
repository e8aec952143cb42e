"""SOAP 1.1 as ICAT uses it: parses requests into plain trees, serializes responses and faults."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from portal_local.icat.errors import IcatError
from portal_local.icat.schema.values import markup
from portal_local.icat.wire.wsdl import NAMESPACE, XSD

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_TYPE = f"{{{INSTANCE}}}type"
_NIL = f"{{{INSTANCE}}}nil"

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    f'<S:Envelope xmlns:S="{ENVELOPE}"><S:Body xmlns:ns2="{NAMESPACE}"'
    f' xmlns:xs="{XSD}" xmlns:xsi="{INSTANCE}">'
)
_TAIL = "</S:Body></S:Envelope>"


class NotSoap(ValueError):
    """The request is not a SOAP message; the message gives the reason."""


class NotXml(NotSoap):
    """The request is not well-formed XML, such as one with a control character."""


@dataclass(slots=True)
class Node:
    """An element without its namespaces; `type` is the local part of its xsi:type."""

    name: str
    text: str = ""
    type: str = ""
    children: list["Node"] = field(default_factory=list["Node"])

    def first(self, name: str) -> "Node | None":
        return next((child for child in self.children if child.name == name), None)

    def every(self, name: str) -> "list[Node]":
        return [child for child in self.children if child.name == name]

    def string(self, name: str) -> str | None:
        child = self.first(name)
        return None if child is None else child.text


def parse_request(body: bytes) -> Node:
    """Returns the one element inside the SOAP body: an operation and its arguments."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise NotXml(f"the request is not XML: {error}") from error
    if root.getroottree().docinfo.doctype:
        raise NotSoap("the request has a document type declaration")
    content = root.find(f"{{{ENVELOPE}}}Body")
    if root.tag != f"{{{ENVELOPE}}}Envelope" or content is None or len(content) != 1:
        raise NotSoap("the request is not a SOAP 1.1 envelope with one operation in its body")
    return _node(content[0])


def _node(element: etree._Element) -> Node:  # pyright: ignore[reportPrivateUsage]
    kind = element.get(_TYPE, "")
    children = [_node(child) for child in element if child.get(_NIL) not in {"true", "1"}]
    return Node(
        element.tag.rpartition("}")[2],
        element.text or "",
        kind.strip().rpartition(":")[2],
        children,
    )


def response(name: str, returns: Iterable[str]) -> bytes:
    """Returns the response of operation `name`; each item is a whole `return` element."""
    body = "".join(returns)
    return f"{_HEAD}<ns2:{name}Response>{body}</ns2:{name}Response>{_TAIL}".encode()


def fault(error: IcatError, *, kind: str | None = None) -> bytes:
    """Returns the error as a fault; `kind` overrides its type."""
    detail = (
        f"<detail><ns2:IcatException><message>{markup(error.message)}</message>"
        f"<offset>{error.offset}</offset><type>{markup(kind or error.kind)}</type>"
        "</ns2:IcatException></detail>"
    )
    return _fault(error.message, detail)


def bare_fault(message: str) -> bytes:
    """Returns a fault without the detail of ICAT."""
    return _fault(message, "")


def _fault(message: str, detail: str) -> bytes:
    return (
        f"{_HEAD}<S:Fault><faultcode>S:Server</faultcode>"
        f"<faultstring>{markup(message)}</faultstring>{detail}</S:Fault>{_TAIL}"
    ).encode()
