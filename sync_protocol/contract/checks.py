"""Checking rows against a wire schema: whole batches at speed, refused rows one by one with their reasons."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import msgspec
from marshmallow import Schema, ValidationError

from sync_protocol.contract.fields import RecordId, Whole, WireField


class WireSchema(Schema):
    """Base of every wire schema; the declared order of the fields is the order of the columns."""

    change = Whole(least=1)
    id = RecordId()


_encoder = msgspec.json.Encoder()
Upcaster = Callable[[Any], tuple[Any, ...]]


def _adds_nothing(_row: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a generated row type
    return ()


class RecordCheck:
    """Checks rows of one record type and version: whole batches at speed, refused rows with their reasons."""

    def __init__(self, schema: type[WireSchema], *, added: Upcaster | None = None) -> None:
        """Derive the speed check from the marshmallow `schema`.

        From a typed row of the version before, `added` gives the values of the columns that this one adds at the end.
        """
        self.added: Upcaster = added or _adds_nothing
        self.schema = schema
        self._schema = schema()
        declared: dict[str, Any] = self._schema.fields
        self.columns: tuple[str, ...] = ("change", "id", *(n for n in declared if n not in {"change", "id"}))
        self.fields: Mapping[str, WireField] = {name: declared[name] for name in self.columns}
        self.row_type = msgspec.defstruct(
            schema.__name__,
            [(name, field.speed_type) for name, field in self.fields.items()],
            array_like=True,
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(self.row_type)
        self._columns_checked = [
            (attrgetter(name), field) for name, field in self.fields.items() if field.checks_column
        ]

    def accepts_block(self, block: bytes) -> list[Any] | None:
        """Return the typed rows of `block` (NDJSON lines), or None when any row must be looked at singly."""
        lines = block.count(b"\n") + 1
        # The decoder skips empty lines and takes several values from one; here a line is a row.
        if b"\\u0000" in block or block.count(b"]\n[") != lines - 1:
            return None
        try:
            rows = self._decoder.decode_lines(block)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return rows if len(rows) == lines and self._columns_hold(rows) else None

    def read_block(self, block: bytes) -> list[Any] | None:
        """Return the rows of `block` (NDJSON lines) in their typed form, or None when one has another type.

        Looks at types alone; what only a whole column shows is not checked.
        """
        try:
            return self._decoder.decode_lines(block)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def read_line(self, line: bytes) -> Any:  # noqa: ANN401 - a generated row type
        """Return one row, which `refuse_line` has found acceptable, in its typed form."""
        return self._decoder.decode(line)

    def write_lines(self, rows: list[Any]) -> bytes:
        """Return typed rows as compact JSON lines, without a final newline."""
        return _encoder.encode_lines(rows).removesuffix(b"\n")

    def refuse_line(self, line: bytes) -> dict[str, list[str]] | None:
        """Return why marshmallow refuses one row, by column, or None when it is acceptable."""
        try:
            values = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {"row": ["is not JSON"]}
        if not isinstance(values, list) or len(values) != len(self.columns):
            return {"row": [f"must be a list of {len(self.columns)} values"]}
        try:
            self._schema.load(dict(zip(self.columns, values, strict=True)))
        except ValidationError as error:
            return {
                str(name): [str(reason) for reason in reasons] for name, reasons in _messages(error).items()
            }
        return None

    def _columns_hold(self, rows: list[Any]) -> bool:
        for get, field in self._columns_checked:
            values = list(map(get, rows))
            if field.nullable:
                values = [value for value in values if value is not None]
            if not field.column_holds(values):
                return False
        return True


def _messages(error: ValidationError) -> dict[str, Any]:
    messages: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
    return messages
