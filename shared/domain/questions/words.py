"""What a published question says, in the reader's language."""

from collections.abc import Mapping
from typing import Any, Final

from shared.domain.customers.vocabulary import CustomerKind
from shared.domain.questions.vocabulary import Indicator, Scale
from shared.errors import N_
from shared.i18n import gettext as _
from shared.i18n import label

QUESTION_WORDS: Final = {
    "indicator": N_("Indicator"),
    "zh": N_("Question in Chinese"),
    "en": N_("Question in English"),
    "scale": N_("How it is answered"),
    "low": N_("Score 1 means"),
    "high": N_("Score 5 means"),
    "choices": N_("Choices"),
    "from": N_("Valid from"),
    "until": N_("Valid until"),
    "kinds": N_("Kinds of customers"),
}


def question_lines(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a question says: the member, and its value in words; what is not said is left out."""
    shown = {
        **body,
        "indicator": _member(Indicator, body.get("indicator")),
        "scale": _member(Scale, body.get("scale")),
        "low": _both(body.get("low")),
        "high": _both(body.get("high")),
        "choices": _("; ").join(f"{one['code']} {_both(one)}" for one in body.get("choices") or ()),
        "kinds": _(", ").join(label(one) for one in CustomerKind if one.value in (body.get("kinds") or ())),
    }
    return [(name, str(shown[name])) for name in QUESTION_WORDS if shown.get(name)]


def _member(words: type[Indicator] | type[Scale], code: object) -> str:
    return next((label(one) for one in words if one.value == code), str(code or ""))


def _both(said: Mapping[str, Any] | None) -> str:
    return f"{said.get('zh', '')} / {said.get('en', '')}" if said else ""
