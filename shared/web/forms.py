"""Small things that pages with forms share."""

from collections.abc import Mapping
from typing import Any, Literal

from flask import flash
from marshmallow import ValidationError

from shared.domain.vocabulary import Vocabulary
from shared.errors import BranchlineError
from shared.i18n import gettext, label, translate_error
from shared.web.oplog.names import field_word

WHOLE_FORM = ""


def notice(text: str, *, kind: Literal["done", "warning", "problem"] = "done") -> None:
    """Show a sentence at the top of the next page."""
    flash(text, kind)


def field_errors(error: BranchlineError | ValidationError) -> dict[str, str]:
    """Return a sentence for each field that was refused; under "" what concerns the form as a whole.

    Give it to the template as `errors`; the field macros show each at its place.
    """
    if isinstance(error, BranchlineError):
        return {str(error.params.get("field", WHOLE_FORM)): translate_error(error)}
    messages = error.messages if isinstance(error.messages, Mapping) else {WHOLE_FORM: error.messages}
    return {_field(name): _sentence(found) for name, found in messages.items()}


def stored_otherwise(
    stored: Mapping[str, Any], given: Mapping[str, Any], words: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """Return what is stored otherwise than a form says, field and value in the reader's words.

    For who saved second: `theirs` of the form that is shown again. `words` says what a value does not say itself.
    """
    known = words or {}
    return [
        (field_word(name), known.get(name) or _word(value))
        for name, value in stored.items()
        if name in given and _as_given(given[name]) != _as_given(value)
    ]


def _as_given(value: Any) -> str:  # noqa: ANN401 - a column's value or what a form gave
    if isinstance(value, list | tuple):
        return ";".join(sorted(str(each) for each in value))
    return "" if value is None else str(value).replace("\r\n", "\n").strip()


def _word(value: Any) -> str:  # noqa: ANN401 - a column's value
    if isinstance(value, list | tuple):
        return gettext(", ").join(_word(each) for each in value) or "–"
    if isinstance(value, Vocabulary):
        return label(value)
    return "–" if value in (None, "") else str(value)


def _field(name: object) -> str:
    return WHOLE_FORM if name == "_schema" else str(name)


def _sentence(found: object) -> str:
    if isinstance(found, Mapping):
        return " ".join(_sentence(inner) for inner in found.values())
    if isinstance(found, list | tuple):
        return " ".join(gettext(str(each)) for each in found)
    return gettext(str(found))
