"""A condition that a value is among the keys a select finds, also beside other conditions of which one must hold."""

from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType


class Among(FunctionElement[bool]):
    """`value IN (keys)`. In an OR, PostgreSQL reads the whole table for that; keys put in a row an index answers."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, value: ColumnElement[Any] | InstrumentedAttribute[Any], keys: Select[Any]) -> None:
        """Name the value and the select of one column that is never empty."""
        super().__init__(value, keys.scalar_subquery())

    def self_group(self, against: OperatorType | None = None) -> Self:  # noqa: ARG002 - as the base class
        """Stand as it is: SQLite would be sent `IN (keys) = 1`, for which it reads the whole table."""
        return self


@compiles(Among)
def _in_keys(element: Among, compiler: SQLCompiler, **given: Any) -> str:  # noqa: ANN401 - SQLAlchemy's own
    value, keys = (compiler.process(each, **given) for each in element.clauses)
    return f"{value} IN {keys}"


@compiles(Among, "postgresql")
def _in_row(element: Among, compiler: SQLCompiler, **given: Any) -> str:  # noqa: ANN401 - SQLAlchemy's own
    value, keys = (compiler.process(each, **given) for each in element.clauses)
    return f"{value} = ANY (ARRAY{keys})"
