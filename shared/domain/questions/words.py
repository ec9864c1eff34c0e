"""What a published question says, in the reader's language."""

from collections.abc import Mapping
from typing import Any, Final

from shared.domain.customers.vocabulary import CustomerKind
from shared.domain.questions.rules import Question
from shared.domain.questions.trend import Line, Month, Trend
from shared.domain.questions.vocabulary import Indicator, Scale
from shared.errors import N_
from shared.i18n import current_language, label
from shared.i18n import gettext as _

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


def mean_word(month: Month) -> str:
    """Return the mean of a month's scores."""
    return "–" if month.mean is None else f"{month.mean:.2f}"


def share_word(month: Month, answer: str) -> str:
    """Return the share of an answer in a month."""
    share = month.share(answer)
    return "–" if share is None else f"{share:.0%}"


def most_named(month: Month) -> str | None:
    """Return the answer that was given most in a month, None where there is none."""
    return max(month.counts, key=lambda one: (month.counts[one], one), default=None)


def result_word(trend: Trend, month: Month) -> str:
    """Return what came of a question in a month: the mean, or the choice named most with its share."""
    if trend.is_score:
        return mean_word(month)
    most = most_named(month)
    return "–" if most is None else f"{answer_word(trend, most)} {share_word(month, most)}"


def change_word(line: Line, answer: str | None = None) -> str:
    """Return by how much the mean rose, or the share of an answer in points of a hundred."""
    change = line.mean_change if answer is None else line.share_change(answer)
    if change is None:
        return "–"
    return f"{change:+.2f}" if answer is None else f"{change * 100:+.0f}"


def answer_word(trend: Trend, answer: str) -> str:
    """Return an answer in the reader's words; of a question that nobody here knows its code."""
    return said_word(trend.question, answer)


def said_word(question: Question | None, said: str | None) -> str:
    """Return an answer to a question in the reader's words, also that it took another back."""
    if said is None:
        return _("Answer taken back")
    return question.word(said, current_language()) if question else said


def text_word(trend: Trend) -> str:
    """Return the text of a question in the reader's language; of one that nobody here knows nothing."""
    return trend.question.text.word(current_language()) if trend.question else ""


# For templates, which import no functions.
TREND_WORDS: Final[Mapping[str, Any]] = {
    "mean": mean_word,
    "share": share_word,
    "result": result_word,
    "change": change_word,
    "answer": answer_word,
    "text": text_word,
}
