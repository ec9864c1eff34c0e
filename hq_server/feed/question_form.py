"""The form of a question: what was written into it, and what is wrong in which field."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError
from werkzeug.datastructures import MultiDict

from shared.domain.form_fields import text
from shared.domain.published.codes import Code, CodeLineError, lines_of, parse_lines
from shared.domain.questions.rules import ENDS, LANGUAGES, NO_CHOICES, TEXT_LENGTH, problems
from shared.domain.questions.vocabulary import Indicator, Scale
from shared.i18n import label, translate_error

DAYS: Final = ("from", "until")
# What stays once a question is out: answers to it are counted together for as long as it is asked.
FIXED: Final = ("indicator", "scale")


def read_form(
    code: str,
    form: MultiDict[str, str],
    published: Mapping[str, Any] | None,
    errors: dict[str, list[str]],
) -> dict[str, Any]:
    """Return the question of a form; what is wrong stands in `errors` at its field.

    Indicator and scale of one that is `published` stay what they were.
    """
    kept = published or form
    body: dict[str, Any] = {name: kept.get(name, "") for name in FIXED}
    body |= {language: _text(form, language, errors) for language in LANGUAGES}
    body |= {name: form.get(name, "").strip() or None for name in DAYS}
    body["kinds"] = form.getlist("kinds")
    if body["scale"] == Scale.SCORE.value:
        body |= {end: {one: _text(form, f"{end}_{one}", errors) for one in LANGUAGES} for end in ENDS}
    else:
        body["choices"] = _choices(form.get("choices", ""), errors)
    for field, cure in problems(code, body):
        errors.setdefault(field, [cure])
    return body


def form_values(body: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a question as the form shows it; without one, an empty form."""
    shown = body or {}
    said = {name: shown.get(name) or "" for name in (*FIXED, *LANGUAGES, *DAYS)}
    ends = {f"{end}_{one}": (shown.get(end) or {}).get(one, "") for end in ENDS for one in LANGUAGES}
    choices = (Code(one["code"], one["zh"], one["en"]) for one in shown.get("choices") or ())
    return {**said, **ends, "choices": lines_of(choices), "kinds": shown.get("kinds") or []}


def choices() -> dict[str, list[tuple[str, str]]]:
    """Return what the form offers for the indicator and the way to answer."""
    words = {"indicator": Indicator, "scale": Scale}
    return {name: [(one.value, label(one)) for one in of] for name, of in words.items()}


def _choices(given: str, errors: dict[str, list[str]]) -> list[dict[str, str]]:
    try:
        found = parse_lines(given)
    except CodeLineError as error:
        errors["choices"] = [translate_error(error)]
        return []
    if any(one.asks for one in found):
        errors["choices"] = [NO_CHOICES]
    return [{"code": one.code, "zh": one.zh, "en": one.en} for one in found]


def _text(form: MultiDict[str, str], name: str, errors: dict[str, list[str]]) -> str:
    try:
        return text(TEXT_LENGTH)(form.get(name, ""))
    except ValidationError as refused:
        errors[name] = [str(one) for one in refused.messages]
        return ""
