"""A query's variables and the joins its paths need."""

from collections import deque
from dataclasses import dataclass

from portal_local.icat.errors import bad_parameter
from portal_local.icat.jpql.syntax import Join, Link, Path
from portal_local.icat.schema.schema import Bean, Field, Schema

_MAX_STEPS = 4  # relations between two beans that `<->` may connect


@dataclass(frozen=True, slots=True)
class Place:
    """A bean in the query and the alias of its table, which is never text of the client."""

    bean: Bean
    alias: str


@dataclass(frozen=True, slots=True)
class End:
    """The end of a path: a field of a bean, or (field None) the bean itself."""

    column: str
    bean: Bean
    id: str  # the SQL of the bean's id
    field: Field | None


class Scope:
    def __init__(self, schema: Schema, bean: str, variable: str) -> None:
        self._schema = schema
        self._joins: list[str] = []
        self._steps: dict[tuple[str, str], Place] = {}
        self.root = Place(self.bean(bean), "t0")
        self._variables = {variable: self.root}

    @property
    def tables(self) -> str:
        return " ".join((f'"{self.root.bean.name}" AS t0', *self._joins))

    def bean(self, name: str) -> Bean:
        bean = self._schema.beans.get(name)
        if bean is None:
            raise bad_parameter(f"No information to determine type of {name} in the FROM clause")
        return bean

    def variable(self, name: str) -> Place:
        place = self._variables.get(name)
        if place is None:
            reason = "referenced in the SELECT clause is not defined in the FROM clause."
            raise bad_parameter(f"idVar '{name.upper()}' {reason}")
        return place

    def knows(self, path: Path) -> bool:
        """Checks whether the path begins with a variable, or with a field of its base."""
        if path.base:
            return not path.names or path.names[0] in self._variables[path.base].bean.fields
        return path.names[0] in self._variables

    def join(self, join: Join) -> None:
        place, field = self.ending(join.path)
        if field is None or field.relation == "ATTRIBUTE":
            raise bad_parameter(f"{'.'.join(join.path.names)} is not a relation to join")
        if join.variable in self._variables:
            raise bad_parameter(f"the variable {join.variable} is declared twice")
        self._variables[join.variable] = self._add(place, field, optional=join.optional)

    def link(self, link: Link) -> None:
        """Joins the bean by the shortest way from any bean of the query."""
        target = self.bean(link.bean)
        for place, fields in self._ways(target.name):
            for field in fields:
                place = self._add(place, field, optional=False)  # noqa: PLW2901
            self._variables[link.variable] = place
            return
        raise bad_parameter(f"{link.bean} has no connection to {self.root.bean.name}")

    def _ways(self, target: str) -> list[tuple[Place, tuple[Field, ...]]]:
        reached: deque[tuple[Place, Bean, tuple[Field, ...]]] = deque(
            (place, place.bean, ()) for place in self._variables.values()
        )
        seen: set[str] = set()
        while reached:
            start, bean, way = reached.popleft()
            for field in (*bean.ones, *bean.manys):
                if field.type == target:
                    return [(start, (*way, field))]
                if field.type not in seen and len(way) + 1 < _MAX_STEPS:
                    seen.add(field.type)
                    reached.append((start, self.bean(field.type), (*way, field)))
        return []

    def ending(self, path: Path) -> tuple[Place, Field | None]:
        """Follows the path to its last field, of any relation; None if it has no field."""
        names = path.names if path.base else path.names[1:]
        place = self.variable(path.base or path.names[0])
        for name in names[:-1]:
            field = self._field(place, name)
            if field.relation != "ONE":
                raise bad_parameter(
                    f"{place.bean.name}.{name} leads to more than one bean: use JOIN"
                )
            place = self._step(place, field)
        return place, self._field(place, names[-1]) if names else None

    def end(self, path: Path) -> End:
        """Returns the end of the path; joins the beans on the way."""
        names = path.names if path.base else path.names[1:]
        if len(names) > 1 and names[-1] == "id":  # `….rel.id` is in the row that refers to it
            place, field = self.ending(Path(path.names[:-1], path.base))
            if field is not None and field.relation == "ONE":
                target, column = self.bean(field.type), f'{place.alias}."{field.column}"'
                return End(column, target, column, target.fields["id"])
        place, field = self.ending(path)
        if field is None:
            return End(f"{place.alias}.id", place.bean, f"{place.alias}.id", None)
        if field.relation == "MANY":
            raise bad_parameter(f"{'.'.join(path.names)} is many beans, not one value: JOIN it")
        column = f'{place.alias}."{field.column}"'
        if field.relation == "ONE":
            return End(column, self.bean(field.type), column, None)
        return End(column, place.bean, f"{place.alias}.id", field)

    def _field(self, place: Place, name: str) -> Field:
        field = place.bean.fields.get(name)
        if field is None:
            raise bad_parameter(f"{place.bean.name} has no field {name}")
        return field

    def _step(self, place: Place, field: Field) -> Place:
        known = self._steps.get((place.alias, field.name))
        if known is None:
            known = self._add(place, field, optional=False)
            self._steps[place.alias, field.name] = known
        return known

    def _add(self, place: Place, field: Field, *, optional: bool) -> Place:
        target = self.bean(field.type)
        alias = f"t{len(self._joins) + 1}"
        condition = f'{alias}.id = {place.alias}."{field.column}"'
        if field.relation == "MANY":
            back = target.fields[field.inverse]
            condition = f'{alias}."{back.column}" = {place.alias}.id'
        kind = "LEFT JOIN" if optional else "JOIN"
        self._joins.append(f'{kind} "{target.name}" AS {alias} ON {condition}')
        return Place(target, alias)
