"""What the server says of itself: the fields of its beans, and how one logs in."""

from portal_local.icat.errors import bad_parameter
from portal_local.icat.schema.schema import VALUES, Field, Schema


def entity_info(schema: Schema, name: str | None) -> str:
    bean = schema.abstract_parameter if name == VALUES else schema.beans.get(name or "")
    if bean is None:
        raise bad_parameter(f"{name} is not an entity type")
    key = "".join(f"<fieldNames>{part}</fieldNames>" for part in bean.key)
    constraints = f"<constraints>{key}</constraints>" if key else ""
    fields = "".join(_field_info(field) for field in bean.fields.values())
    return f"<return>{constraints}{fields}</return>"


def _field_info(field: Field) -> str:
    length = f"<stringLength>{field.length}</stringLength>" if field.length else ""
    return (
        f"<fields><name>{field.name}</name>"
        f"<notNullable>{'true' if field.required else 'false'}</notNullable>"
        f"<relType>{field.relation}</relType>{length}<type>{field.type}</type></fields>"
    )


def authenticator_info(mnemonic: str) -> str:
    return (
        "<return><admin>false</admin>"
        "<keys><hide>false</hide><name>username</name></keys>"
        "<keys><hide>true</hide><name>password</name></keys>"
        f"<mnemonic>{mnemonic}</mnemonic></return>"
    )
