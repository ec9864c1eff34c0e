"""The shapes of mapping files and of an import's report."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from marshmallow import Schema, ValidationError, fields, post_load, pre_load

from branch_node.imports.mapping import ColumnMap, ImportFileError
from shared.errors import N_


class MapFileError(ImportFileError):
    """The mapping file cannot be read or has another shape."""

    code = "map-file"
    message = N_("The mapping file cannot be used: %(problem)s")


class ColumnMapSchema(Schema):
    """A mapping as people write it.

    `[columns]` heading = column or list of columns; `[constants]` and `[defaults]` column = text;
    `[values.COLUMN]` word of the file = meaning; `ignore` = headings left out on purpose.
    """

    columns = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), load_default=dict)
    constants = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    defaults = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    values = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(keys=fields.String(), values=fields.String()),
        load_default=dict,
    )
    ignore = fields.List(fields.String(), load_default=list)

    @pre_load
    def _one_or_many(self, data: Mapping[str, Any], **_: object) -> dict[str, Any]:
        """Take `"heading" = "column"` for a list of one."""
        columns = data.get("columns")
        if not isinstance(columns, Mapping):
            return dict(data)
        listed = {key: [value] if isinstance(value, str) else value for key, value in columns.items()}
        return {**data, "columns": listed}

    @post_load
    def _make(self, data: dict[str, Any], **_: object) -> ColumnMap:
        return ColumnMap(**data)


def read_map_file(path: Path) -> ColumnMap:
    """Return the mapping in a TOML file; raises MapFileError."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MapFileError(problem=str(error)) from error
    return load_map(data)


def load_map(data: Mapping[str, Any]) -> ColumnMap:
    """Return the mapping that plain data describes; raises MapFileError."""
    try:
        return cast("ColumnMap", ColumnMapSchema().load(data))
    except ValidationError as error:
        raise MapFileError(problem=str(error.messages)) from error
