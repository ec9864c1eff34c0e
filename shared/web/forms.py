"""Small things that pages with forms share."""

from collections.abc import Mapping
from typing import Literal

from flask import flash
from marshmallow import ValidationError

from shared.errors import BranchlineError
from shared.i18n import gettext, translate_error

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


def _field(name: object) -> str:
    return WHOLE_FORM if name == "_schema" else str(name)


def _sentence(found: object) -> str:
    if isinstance(found, Mapping):
        return " ".join(_sentence(inner) for inner in found.values())
    if isinstance(found, list | tuple):
        return " ".join(gettext(str(each)) for each in found)
    return gettext(str(found))
