"""The form of an offer: what was written into it, and what is wrong in which field."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError
from werkzeug.datastructures import MultiDict

from shared.domain.form_fields import text
from shared.domain.offers.rules import LIMITS, TEXT_LENGTH, problems
from shared.i18n import label

DAYS: Final = ("from", "until")


def read_form(code: str, form: MultiDict[str, str], errors: dict[str, list[str]]) -> dict[str, Any]:
    """Return the offer of a form; what is wrong stands in `errors` at its field."""
    body: dict[str, Any] = {
        "title": _text(form, "title", errors),
        "text": _text(form, "text", errors, lines=True),
        **{name: form.get(name, "").strip() or None for name in DAYS},
        **{limit: form.getlist(limit) for limit in LIMITS},
    }
    for field, cure in problems(code, body):
        errors.setdefault(field, [cure])
    return body


def form_values(body: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an offer as the form shows it; without one, an empty form."""
    shown = body or {}
    said = {name: shown.get(name) or "" for name in ("title", "text", *DAYS)}
    return {**said, **{limit: shown.get(limit) or [] for limit in LIMITS}}


def choices() -> dict[str, list[tuple[str, str]]]:
    """Return what an offer may be limited to: the codes of each limit with their words."""
    return {limit: [(one.value, label(one)) for one in words] for limit, (_column, words) in LIMITS.items()}


def _text(form: MultiDict[str, str], name: str, errors: dict[str, list[str]], *, lines: bool = False) -> str:
    try:
        return text(TEXT_LENGTH, lines=lines)(form.get(name, ""))
    except ValidationError as refused:
        errors[name] = [str(one) for one in refused.messages]
        return ""
