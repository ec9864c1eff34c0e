"""The form of a recall: what was written into it, and what is wrong in which field."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError
from werkzeug.datastructures import MultiDict

from shared.domain.form_fields import text
from shared.domain.units.recalls import SAID_LENGTH, parse_serials, problems

DAYS: Final = ("from", "until", "made_from", "made_until")
LINES: Final = ("title", "product", "model")
TEXTS: Final = ("why", "remedy")


def read_form(number: str, form: MultiDict[str, str], errors: dict[str, list[str]]) -> dict[str, Any]:
    """Return the recall of a form; what is wrong stands in `errors` at its field."""
    body: dict[str, Any] = {name: _text(form, name, errors) for name in LINES}
    body |= {name: _text(form, name, errors, lines=True) for name in TEXTS}
    body |= {name: form.get(name, "").strip() or None for name in DAYS}
    body["serials"] = parse_serials(form.get("serials", ""))
    for field, cure in problems(number, body):
        errors.setdefault(field, [cure])
    return body


def _text(form: MultiDict[str, str], name: str, errors: dict[str, list[str]], *, lines: bool = False) -> str:
    try:
        return text(SAID_LENGTH, lines=lines)(form.get(name, ""))
    except ValidationError as refused:
        errors[name] = [str(one) for one in refused.messages]
        return ""


def form_values(body: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a recall as the form shows it; without one, an empty form."""
    if body is None:
        return {}
    shown = {name: body.get(name) or "" for name in (*LINES, *TEXTS, *DAYS)}
    return {**shown, "serials": "\n".join(map(str, body.get("serials") or ()))}
