"""Decodes the beans of a request into trees of records, by the schema."""

from dataclasses import dataclass, field

from portal_local.icat.errors import bad_parameter, invalid
from portal_local.icat.schema.schema import BASE_FIELDS, Bean, Field, Schema
from portal_local.icat.schema.values import Value, Values, long
from portal_local.icat.wire.soap import Node

_META = frozenset(f.name for f in BASE_FIELDS)


@dataclass(slots=True)
class Record:
    bean: Bean
    id: int | None = None
    values: dict[str, Value] = field(default_factory=dict[str, Value])
    ones: dict[str, "Record"] = field(default_factory=dict[str, "Record"])
    manys: dict[str, list["Record"]] = field(default_factory=dict[str, list["Record"]])


class BeanDecoder:
    """Decodes beans; fields that the server sets are ignored."""

    def __init__(self, schema: Schema, values: Values) -> None:
        self._schema = schema
        self._values = values

    def decode(self, node: Node | None) -> Record:
        if node is None:
            raise bad_parameter("bean may not be null")
        bean = self._schema.by_wire_name.get(node.type)
        if bean is None:
            raise bad_parameter(f"{node.type or 'a bean without xsi:type'} is not an entity type")
        return self._record(bean, node)

    def _record(self, bean: Bean, node: Node) -> Record:
        record = Record(bean, _id(bean, node))
        for child in node.children:
            if child.name in _META:
                continue
            about = bean.fields.get(child.name)
            if about is None:
                raise bad_parameter(f"{bean.name} has no field {child.name}")
            match about.relation:
                case "ATTRIBUTE":
                    record.values[about.name] = self._value(bean, about, child)
                case "ONE":
                    record.ones[about.name] = self._reference(bean, about, child)
                case "MANY":
                    target = self._schema.beans[about.type]
                    record.manys.setdefault(about.name, []).append(self._record(target, child))
        return record

    def _value(self, bean: Bean, about: Field, node: Node) -> Value:
        if node.children:
            raise invalid(
                f"{bean.name}: {about.name} is an attribute and must not contain elements"
            )
        return self._values.read(bean.name, about, node.text)

    def _reference(self, bean: Bean, about: Field, node: Node) -> Record:
        """Decodes a reference: the id only, but all attributes of a parameter's type."""
        target = self._schema.beans[about.type]
        reference = Record(target, _id(target, node))
        if bean.is_parameter and about.name == "type":
            for child in node.children:
                attribute = target.fields.get(child.name)
                if child.name in _META or attribute is None or attribute.relation != "ATTRIBUTE":
                    continue
                reference.values[child.name] = self._value(target, attribute, child)
        return reference


def _id(bean: Bean, node: Node) -> int | None:
    text = (node.string("id") or "").strip()
    if not text:
        return None
    number = long(text)
    if number is None:
        raise invalid(f"{bean.name}: id is not a valid Long: {text[:80]!r}")
    return number
