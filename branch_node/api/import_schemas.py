"""What is sent to and answered by the interface about files that are taken in."""

from typing import Any, Final

from marshmallow import Schema, fields, validate

from branch_node.api.schemas import NOT_TEXT, TEXT, Sent, code, one_of
from branch_node.imports.models import ImportState, MatchChoice
from shared.errors import N_

NOT_WORDS: Final = N_("Send an object of texts.")
NOT_ROWS: Final = N_("Send a list of objects.")
NOT_A_ROW: Final = N_("Send the number of a line.")
MOST_SAID: Final = 1_000
_WORDS: Final[dict[str, Any]] = {"error_messages": {"invalid": NOT_WORDS, "null": NOT_WORDS}}
_ROWS: Final[dict[str, Any]] = {"error_messages": {"invalid": NOT_ROWS, "null": NOT_ROWS, "type": NOT_ROWS}}
_ROW: Final[dict[str, Any]] = {
    "error_messages": {"invalid": NOT_A_ROW, "null": NOT_A_ROW, "required": NOT_A_ROW},
    "validate": validate.Range(1, 2**31 - 1, error=NOT_A_ROW),
}


class KindColumn(Schema):
    """A column of a kind of file; the heading may be its name or its Chinese name."""

    name = fields.String(required=True)
    chinese = fields.String(required=True)
    required = fields.Boolean(required=True)
    what = fields.String(required=True)


class ImportKind(Schema):
    """A kind of file that can be taken in; `update_by` are the columns by which a row can change a record."""

    name = fields.String(required=True)
    columns = fields.List(fields.Nested(KindColumn), required=True)
    update_by = fields.List(fields.String(), required=True)


class Import(Schema):
    """A file and how far it is. While it is `checked`, the counts say what would be done; then what was.

    `columns` is which heading fills which columns, `undecided` how many rows look like a customer and wait for a word.
    """

    id = fields.String(required=True)
    kind = fields.String(required=True)
    file_name = fields.String(required=True)
    state = code(ImportState, required=True)
    headings = fields.List(fields.String(), required=True)
    columns = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)
    left_out = fields.List(fields.String(), required=True)
    update_by = fields.String(allow_none=True)
    rows = fields.Integer(allow_none=True)
    read = fields.Integer(required=True)
    created = fields.Integer(required=True)
    updated = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    undecided = fields.Integer(required=True)
    failure = fields.String(allow_none=True)
    started_at = fields.AwareDateTime(required=True)
    started_by = fields.String(required=True)
    finished_at = fields.AwareDateTime(allow_none=True)
    undone_at = fields.AwareDateTime(allow_none=True)


class Check(Sent):
    """How a file is to be read; headings that say what they mean need no word.

    `columns` is which heading fills which column, `constants` columns with one value for all rows, `ignore` headings to
    leave out, `update_by` the column by which a row changes what is here.
    """

    columns = fields.Dict(keys=fields.String(), values=fields.String(**TEXT), **_WORDS)
    constants = fields.Dict(keys=fields.String(), values=fields.String(**TEXT), **_WORDS)
    ignore = fields.List(fields.String(**TEXT), error_messages={"invalid": NOT_TEXT, "null": NOT_TEXT})
    update_by = fields.String(allow_none=True, **TEXT)


class RowProblem(Schema):
    """What is wrong with a row: its line in the file, the column, what stands there, and what to do about it."""

    row = fields.Integer(required=True)
    field = fields.String(required=True)
    given = fields.String(required=True)
    code = fields.String(required=True)
    cure = fields.String(required=True)


class Alike(Schema):
    """A row that looks like a customer who is here, or like an earlier row; `score` is in hundredths."""

    row = fields.Integer(required=True)
    other_id = fields.String(allow_none=True)
    other_row = fields.Integer(allow_none=True)
    score = fields.Integer(required=True)
    certain = fields.Boolean(required=True)
    choice = code(MatchChoice, allow_none=True)


_CHOICES: Final = one_of(one.value for one in MatchChoice)


class RowChoice(Sent):
    """What becomes of one row."""

    row = fields.Integer(required=True, strict=True, **_ROW)
    choice = fields.String(required=True, validate=_CHOICES, **TEXT)


class Choices(Sent):
    """What becomes of rows that look like a customer: of single ones, and of all `others` nobody has decided."""

    rows = fields.List(fields.Nested(RowChoice), validate=validate.Length(max=MOST_SAID), **_ROWS)
    others = fields.String(allow_none=True, validate=_CHOICES, **TEXT)


class MendedRow(Sent):
    """What the cells of a refused row should say, by heading."""

    row = fields.Integer(required=True, strict=True, **_ROW)
    cells = fields.Dict(keys=fields.String(), values=fields.String(**TEXT), required=True, **_WORDS)


class Mended(Sent):
    """Refused rows as they are right; the file is checked again with them."""

    rows = fields.List(
        fields.Nested(MendedRow), required=True, validate=validate.Length(min=1, max=MOST_SAID), **_ROWS
    )
