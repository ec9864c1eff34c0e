"""Whether what a row holds stands in a JSON array, on both databases."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class held_by(FunctionElement[bool]):  # noqa: N801 - reads as the SQL function it stands for
    """True when the JSON column `parts` has an array, each element of which stands in the JSON text `whole`."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, parts: Any, whole: ColumnElement[str]) -> None:  # noqa: ANN401 - any mapped attribute
        """Compare a column with text."""
        super().__init__(parts, whole)


@compiles(held_by, "sqlite")
def _in_sqlite(element: held_by, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as the compiler calls it
    parts, whole = (compiler.process(one, **options) for one in element.clauses)
    beyond = f"SELECT 1 FROM json_each({parts}) AS part WHERE part.value NOT IN (SELECT value FROM json_each({whole}))"  # noqa: S608 - compiled expressions
    # What is no JSON would be an error of the whole statement.
    return f"(CASE WHEN json_valid({parts}) THEN json_type({parts}) = 'array' AND NOT EXISTS ({beyond}) ELSE 0 END)"


@compiles(held_by, "postgresql")
def _in_postgresql(element: held_by, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as the compiler calls it
    parts, whole = (compiler.process(one, **options) for one in element.clauses)
    return f"(jsonb_typeof({parts}) = 'array' AND {parts} <@ CAST({whole} AS JSONB))"


class among(FunctionElement[bool]):  # noqa: N801 - reads as the SQL function it stands for
    """True when the number in the column `number` is an element of the array in the JSON text `whole`."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, number: Any, whole: ColumnElement[str]) -> None:  # noqa: ANN401 - any mapped attribute
        """Compare a column with text."""
        super().__init__(number, whole)


@compiles(among, "sqlite")
def _among_in_sqlite(element: among, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as the compiler calls it
    number, whole = (compiler.process(one, **options) for one in element.clauses)
    return f"({number} IN (SELECT value FROM json_each({whole})))"  # noqa: S608 - compiled expressions


@compiles(among, "postgresql")
def _among_in_postgresql(element: among, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as the compiler calls it
    number, whole = (compiler.process(one, **options) for one in element.clauses)
    return f"(CAST({whole} AS JSONB) @> to_jsonb({number}))"
