"""Generates the WSDL of the service, and the XSD that it imports, from the schema."""

from collections.abc import Iterable, Iterator

from portal_local.icat.errors import KINDS
from portal_local.icat.schema.schema import BASE_FIELDS, VALUES, Bean, Field, Schema
from portal_local.icat.schema.values import markup

NAMESPACE = "http://icatproject.org"
XSD = "http://www.w3.org/2001/XMLSchema"

_XS = {
    "String": "xs:string",
    "Date": "xs:dateTime",
    "Long": "xs:long",
    "Integer": "xs:int",
    "Double": "xs:double",
    "boolean": "xs:boolean",
}

# Arguments and response of each operation, as `name type`; !: required, *: list, ?: none.
OPERATIONS: dict[str, tuple[str, str]] = {
    "create": ("sessionId xs:string, bean tns:entityBaseBean", "xs:long!"),
    "createMany": ("sessionId xs:string, beans tns:entityBaseBean*", "xs:long*"),
    "delete": ("sessionId xs:string, bean tns:entityBaseBean", "?"),
    "deleteMany": ("sessionId xs:string, beans tns:entityBaseBean*", "?"),
    "get": (
        "sessionId xs:string, query xs:string, primaryKey xs:long!",
        "tns:entityBaseBean",
    ),
    "getApiVersion": ("", "xs:string"),
    "getAuthenticatorInfo": ("", "tns:authenticatorInfo*"),
    "getEntityInfo": ("beanName xs:string", "tns:entityInfo"),
    "getEntityNames": ("", "xs:string*"),
    "getProperties": ("sessionId xs:string", "xs:string*"),
    "getRemainingMinutes": ("sessionId xs:string", "xs:double!"),
    "getUserName": ("sessionId xs:string", "xs:string"),
    "getVersion": ("", "xs:string"),
    "isAccessAllowed": (
        "sessionId xs:string, bean tns:entityBaseBean, accessType tns:accessType",
        "xs:boolean!",
    ),
    "login": ("plugin xs:string, credentials tns:credentials!", "xs:string"),
    "logout": ("sessionId xs:string", "?"),
    "refresh": ("sessionId xs:string", "?"),
    "search": ("sessionId xs:string, query xs:string", "xs:anyType*"),
    "update": ("sessionId xs:string, bean tns:entityBaseBean", "?"),
}

_TYPES: dict[str, str] = {
    "authenticatorInfo": "admin xs:boolean!, friendly xs:string, keys tns:authenticatorKey*,"
    " mnemonic xs:string",
    "authenticatorKey": "hide xs:boolean!, name xs:string, pattern xs:string",
    "constraint": "fieldNames xs:string*",
    "credentials": "entry tns:credential*",
    "credential": "key xs:string, value xs:string",
    "entityField": "comment xs:string, name xs:string, notNullable xs:boolean!,"
    " relType tns:relType, stringLength xs:int, type xs:string",
    "entityInfo": "classComment xs:string, constraints tns:constraint*, fields tns:entityField*",
    "IcatException": "message xs:string, offset xs:int!, type tns:icatExceptionType",
}

_ENUMS: dict[str, Iterable[str]] = {
    "accessType": ("READ", "UPDATE", "DELETE", "CREATE"),
    "relType": ("ATTRIBUTE", "ONE", "MANY"),
    "icatExceptionType": KINDS,
}


def wsdl(address: str) -> str:
    """Returns the WSDL for a client that reached the service at `address`."""
    url = markup(address).replace('"', "&quot;")
    return "".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"',
            ' xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"',
            f' xmlns:tns="{NAMESPACE}" xmlns:xs="{XSD}"',
            f' targetNamespace="{NAMESPACE}" name="ICATService">',
            f'<types><xs:schema><xs:import namespace="{NAMESPACE}"',
            f' schemaLocation="{url}?xsd=1"/></xs:schema></types>',
            *_messages(),
            '<portType name="ICAT">',
            *(_port_operation(name) for name in OPERATIONS),
            '</portType><binding name="ICATPortBinding" type="tns:ICAT">',
            '<soap:binding transport="http://schemas.xmlsoap.org/soap/http" style="document"/>',
            *(_bound_operation(name) for name in OPERATIONS),
            '</binding><service name="ICATService">',
            f'<port name="ICATPort" binding="tns:ICATPortBinding"><soap:address location="{url}"/>',
            "</port></service></definitions>",
        )
    )


def _messages() -> Iterator[str]:
    for name in OPERATIONS:
        for element in (name, f"{name}Response"):
            yield f'<message name="{element}"><part name="parameters" element="tns:{element}"/>'
            yield "</message>"
    yield '<message name="IcatException"><part name="fault" element="tns:IcatException"/></message>'


def _port_operation(name: str) -> str:
    return (
        f'<operation name="{name}"><input message="tns:{name}"/>'
        f'<output message="tns:{name}Response"/>'
        '<fault name="IcatException" message="tns:IcatException"/></operation>'
    )


def _bound_operation(name: str) -> str:
    return (
        f'<operation name="{name}"><soap:operation soapAction=""/>'
        '<input><soap:body use="literal"/></input><output><soap:body use="literal"/></output>'
        '<fault name="IcatException"><soap:fault name="IcatException" use="literal"/></fault>'
        "</operation>"
    )


def xsd(schema: Schema) -> str:
    enums = {name[0].lower() + name[1:]: names for name, names in schema.enums.items()}
    return "".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            f'<xs:schema xmlns:tns="{NAMESPACE}" xmlns:xs="{XSD}" version="1.0"',
            f' targetNamespace="{NAMESPACE}">',
            '<xs:element name="IcatException" type="tns:IcatException"/>',
            *_operation_elements(),
            _complex("entityBaseBean", _elements(BASE_FIELDS), abstract=True),
            _complex("parameter", _elements(schema.values), base="entityBaseBean", abstract=True),
            *(_bean(bean) for bean in schema.beans.values()),
            '<xs:complexType name="fieldSet"><xs:sequence><xs:element name="fields"',
            ' type="xs:anyType" nillable="true" minOccurs="0" maxOccurs="unbounded"/>',
            "</xs:sequence></xs:complexType>",
            *(_complex(name, _arguments(spec)) for name, spec in _TYPES.items()),
            *(_enum(name, names) for name, names in {**_ENUMS, **enums}.items()),
            "</xs:schema>",
        )
    )


def _operation_elements() -> Iterator[str]:
    for name, (arguments, answer) in OPERATIONS.items():
        for element in (name, f"{name}Response"):
            yield f'<xs:element name="{element}" type="tns:{element}"/>'
        yield _complex(name, _arguments(arguments))
        yield _complex(f"{name}Response", _arguments("" if answer == "?" else f"return {answer}"))


def _arguments(spec: str) -> str:
    return "".join(_argument(*part.split()) for part in spec.split(",") if part)


def _argument(name: str, kind: str) -> str:
    occurs = ' minOccurs="0"'
    if kind.endswith("!"):
        occurs = ""
    if kind.endswith("*"):
        occurs += ' maxOccurs="unbounded"'
    return f'<xs:element name="{name}" type="{kind.rstrip("!*")}"{occurs}/>'


def _bean(bean: Bean) -> str:
    base = VALUES.lower() if bean.is_parameter else "entityBaseBean"
    return _complex(bean.wire_name, _elements(bean.own), base=base)


def _elements(fields: Iterable[Field]) -> str:
    return "".join(_element(field) for field in fields)


def _element(field: Field) -> str:
    kind = _XS.get(field.type) or f"tns:{field.type[0].lower()}{field.type[1:]}"
    occurs = "" if field.type == "boolean" else ' minOccurs="0"'
    if field.relation == "MANY":
        occurs = ' nillable="true" minOccurs="0" maxOccurs="unbounded"'
    return f'<xs:element name="{field.name}" type="{kind}"{occurs}/>'


def _complex(name: str, content: str, *, base: str = "", abstract: bool = False) -> str:
    attribute = ' abstract="true"' if abstract else ""
    body = f"<xs:sequence>{content}</xs:sequence>"
    if base:
        extension = f'<xs:extension base="tns:{base}">{body}</xs:extension>'
        body = f"<xs:complexContent>{extension}</xs:complexContent>"
    return f'<xs:complexType name="{name}"{attribute}>{body}</xs:complexType>'


def _enum(name: str, names: Iterable[str]) -> str:
    values = "".join(f'<xs:enumeration value="{value}"/>' for value in names)
    return (
        f'<xs:simpleType name="{name}"><xs:restriction base="xs:string">{values}'
        "</xs:restriction></xs:simpleType>"
    )
