"""Reading what a program sends and shaping what it gets."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flask import Response, jsonify, request
from marshmallow import Schema, ValidationError
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session
from werkzeug.exceptions import PreconditionFailed, PreconditionRequired

from shared.db.base import instant_text
from shared.errors import N_
from shared.ids import is_id
from shared.web.api.document import PARTS
from shared.web.api.strict import read_json

SIZES: Final = (25, 50, 100, 200)
# A list of one record's is answered whole up to this: longer than anybody's becomes.
MOST_AT_ONCE: Final = 10_000
# Beyond this a list that is read by position is not read.
FARTHEST: Final = 1_000_000
NOT_AN_OBJECT: Final = N_("Send a JSON object with Content-Type: application/json.")
NOT_A_FORM: Final = N_("Send a form in parts with Content-Type: multipart/form-data.")
TWICE: Final = N_("Send this once.")
NOT_A_CURSOR: Final = N_("This is not a place in the list: send what the answer before called next.")


def body(schema: Schema) -> dict[str, Any]:
    """Return what was sent as `schema` reads it; raises ValidationError."""
    given = read_json(request.get_data()) if request.is_json else None
    if not isinstance(given, dict):
        raise ValidationError({"": [NOT_AN_OBJECT]})
    found: dict[str, Any] = schema.load(given)
    return found


def form(schema: Schema) -> dict[str, Any]:
    """Return the parts of a form, files among them, as `schema` reads them; raises ValidationError."""
    if request.mimetype != PARTS:
        raise ValidationError({"": [NOT_A_FORM]})
    parts: list[tuple[str, Any]] = [*request.form.items(multi=True), *request.files.items(multi=True)]
    given = dict(parts)
    if len(given) < len(parts):
        names = Counter(name for name, _part in parts)
        raise ValidationError({name: [TWICE] for name, times in names.items() if times > 1})
    found: dict[str, Any] = schema.load(given)
    return found


def size() -> int:
    """Return how many rows a page of a list has."""
    given = request.args.get("size", SIZES[0], type=int)
    return given if given in SIZES else SIZES[0]


def tag_of(at: datetime) -> str:
    """Return the ETag of a row that was last changed at an instant."""
    return f'"{instant_text(at)}"'


def version(changed: datetime) -> None:
    """Compare If-Match with when a row was changed; raises PreconditionRequired and PreconditionFailed."""
    given = request.headers.get("If-Match", "").strip()
    if not given:
        raise PreconditionRequired
    if given != tag_of(changed):
        raise PreconditionFailed


def one(shown: Mapping[str, Any], *, status: int = 200, at: datetime | None = None) -> Response:
    """Answer with one record; with its ETag when it says when it was changed."""
    answer = jsonify(shown)
    answer.status_code = status
    if at is not None:
        answer.headers["ETag"] = tag_of(at)
    return answer


def many(items: Sequence[Mapping[str, Any]], *, next_: str | None = None) -> Response:
    """Answer with part of a list, and how to ask for what follows."""
    return jsonify({"items": list(items), "next": next_})


def cursor(*values: object) -> str:
    """Return the place behind a row as a program gives it back."""
    return base64.urlsafe_b64encode(json.dumps(values, default=str).encode()).decode().rstrip("=")


def place(parts: int) -> list[str | None] | None:
    """Return what ?after= names, or None at the beginning; raises ValidationError for what is no cursor."""
    given = request.args.get("after", "").strip()
    if not given:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    good = isinstance(found, list) and len(found) == parts
    if not good or not all(value is None or isinstance(value, str) for value in found):
        raise ValidationError({"after": [NOT_A_CURSOR]})
    return list(found)


def offset() -> int:
    """Return where ?after= goes on in a list that is read by position."""
    given = place(1)
    return min(int(given[0]), FARTHEST) if given and given[0] and given[0].isdecimal() else 0


def dumped(schema: Schema, row: object) -> dict[str, Any]:
    """Return a row as `schema` shows it."""
    found: dict[str, Any] = schema.dump(row)
    return found


def as_form(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what was sent as a form spells it: nothing for null, lists parted by ;."""
    shown = {name: "" if value is None else value for name, value in given.items()}
    return {name: ";".join(value) if isinstance(value, list) else value for name, value in shown.items()}


def page_by_id(
    session: Session, statement: Select[*tuple[Any, ...]], key: InstrumentedAttribute[str]
) -> tuple[list[Any], str | None]:
    """Return one page of a statement in the order of its ids, which is that of coming here, and what `next` is.

    Reading goes on behind an id: what comes meanwhile is neither passed over nor given twice.
    """
    most, after = size(), place(1)
    if after is not None:
        if not is_id(after[0] or ""):
            raise ValidationError({"after": [NOT_A_CURSOR]})
        statement = statement.where(key > after[0])
    rows = [*session.execute(statement.order_by(None).order_by(key).limit(most + 1)).all()]
    further = cursor(_id_of(rows[most - 1], key)) if len(rows) > most else None
    return rows[:most], further


def _id_of(row: Any, key: InstrumentedAttribute[str]) -> str:  # noqa: ANN401 - a row of any statement
    return str(getattr(row[0], key.key))
