"""Column types that Django does not provide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.expressions import Col, ExpressionWrapper

if TYPE_CHECKING:
    from datetime import datetime

    _Field = models.Field[Any, int]
    _AliasField = models.Field[Any, Any]
    _TimeField = models.DateTimeField[datetime, datetime]
    _IntegerField = models.BigIntegerField[int, int]
else:
    _Field = _AliasField = models.Field
    _IntegerField = models.BigIntegerField
    _TimeField = models.DateTimeField


class TransactionIdField(_Field):
    """A 64-bit transaction id (PostgreSQL's xid8), as an int in Python."""

    description = "Transaction id"

    def db_type(self, connection: Any) -> str:
        return "xid8"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> int | None:
        return None if value is None else int(value)

    def to_python(self, value: Any) -> int | None:
        return None if value is None else int(value)

    def get_prep_value(self, value: Any) -> str | None:
        prepared = super().get_prep_value(value)
        return None if prepared is None else str(prepared)


class PositionField(_IntegerField):
    """The primary key of a partitioned table. It is a number that the database draws.

    PostgreSQL has no primary key of such a table by this column alone, and allows GROUP BY the key alone only with one.
    Django groups by the key alone if it finds the field there. It does not find it in an expression, so all selected
    columns appear in GROUP BY.
    """

    def get_col(self, alias: str, output_field: Any = None) -> Any:
        return _PositionColumn(alias, self, output_field)

    cached_col: Any = property(lambda self: _PositionColumn(self.model._meta.db_table, self))


class _PositionColumn(Col):
    def get_group_by_cols(self) -> list[Any]:
        return [ExpressionWrapper(self, self.output_field)]


class PrimaryKeyAlias(_AliasField):
    """Another name for the primary key. It has no column, and can be used in instances and in queries."""

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only=True)
        setattr(cls, name, cls.pk)

    def get_attname_column(self) -> tuple[str, Any]:
        return self.get_attname(), None

    def get_col(self, alias: str, output_field: Any = None) -> Any:
        return self.model._meta.pk.get_col(alias)


class FunctionTimeField(_TimeField):
    """A time that a function of the database computes from the row. It has no column, and is read only.

    The function has the name of the field and takes a row of the table. PostgreSQL reads ``table.name`` as its call if
    the table has no column of that name (functional notation). So the field works in filters, orderings, ``values`` and
    aggregates like any other.
    https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-USAGE
    """

    generated = True
    """Django leaves the field out of INSERT and UPDATE."""

    def db_type(self, connection: Any) -> None:
        return None
