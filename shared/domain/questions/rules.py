"""Questions as they travel, whom one asks and what may be answered: decided alike wherever it is asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any, Final

from shared.domain.customers.fields import CustomerFields
from shared.domain.customers.vocabulary import CustomerKind
from shared.domain.questions.vocabulary import Indicator, Scale
from shared.errors import N_

CODE_LENGTH: Final = 40
TEXT_LENGTH: Final = 120
WORD_LENGTH: Final = 60
CHOICE_LENGTH: Final = 30
FEWEST_CHOICES: Final = 2
MOST_CHOICES: Final = 20
LOWEST: Final = 1
HIGHEST: Final = 5
SCORES: Final = tuple(map(str, range(LOWEST, HIGHEST + 1)))
NUL: Final = "\x00"
LANGUAGES: Final = ("zh", "en")
ENDS: Final = ("low", "high")
NO_CODE: Final = N_("A question needs a code of at most 40 characters.")
NO_INDICATOR: Final = N_("Choose which of the four indicators the question is for.")
NO_SCALE: Final = N_("Choose how the question is answered: by a score, or by one of named choices.")
NO_TEXT: Final = N_("A question needs its text in Chinese and in English, each of at most 120 characters.")
NO_MEANING: Final = N_(
    "Say in Chinese and in English what the scores 1 and 5 mean, in at most 60 characters each."
)
NO_CHOICES: Final = N_(
    "Name 2 to 20 choices, each with a code of its own of at most 30 characters, "
    "and a Chinese and an English word of at most 60."
)
NOT_DAYS: Final = N_("The days of this question are no days, or end before they begin.")
NOT_KINDS: Final = N_("Choose among the kinds of customers that there are; none of them means all.")


@dataclass(frozen=True, slots=True)
class Words:
    """What is said in both languages."""

    zh: str
    en: str

    def word(self, language: str) -> str:
        """Return what a person who reads `language` is shown."""
        return self.zh if language.startswith("zh") else self.en


@dataclass(frozen=True, slots=True)
class Question:
    """A question; it is put from `begins` through `ends` to customers of these kinds, and no kind means all.

    `meanings` are those of the scores 1 and 5; `choices` are by their codes, in the order in which forms offer them.
    One that is `withdrawn` is put to nobody any more.
    """

    code: str
    version: int
    indicator: Indicator
    scale: Scale
    text: Words
    begins: date
    ends: date | None
    kinds: tuple[str, ...]
    meanings: tuple[Words, Words] | None
    choices: Mapping[str, Words]
    withdrawn: bool = False

    def asks(self, customer: CustomerFields, day: date) -> bool:
        """Tell whether a customer is asked this on a day."""
        in_time = not self.withdrawn and self.begins <= day and (self.ends is None or day <= self.ends)
        return in_time and (not self.kinds or customer.kind.value in self.kinds)

    @property
    def answers(self) -> tuple[str, ...]:
        """What may be answered: the scores, or the codes of the choices."""
        return SCORES if self.scale is Scale.SCORE else tuple(self.choices)

    def word(self, answer: str, language: str) -> str:
        """Return an answer in words; a choice that this version does not name by its code."""
        if self.scale is Scale.CHOICE:
            return self.choices[answer].word(language) if answer in self.choices else answer
        ends = dict(zip((str(LOWEST), str(HIGHEST)), self.meanings or (), strict=False))
        return f"{answer} {ends[answer].word(language)}" if answer in ends else answer


def read_question(code: str, body: Mapping[str, Any], version: int, *, withdrawn: bool = False) -> Question:
    """Return the question of a body that `problem_of` finds good."""
    until = body.get("until")
    scale = next(one for one in Scale if one.value == body["scale"])
    return Question(
        code,
        version,
        next(one for one in Indicator if one.value == body["indicator"]),
        scale,
        _words(body),
        date.fromisoformat(body["from"]),
        date.fromisoformat(until) if until else None,
        tuple(body.get("kinds") or ()),
        (_words(body["low"]), _words(body["high"])) if scale is Scale.SCORE else None,
        {one["code"]: _words(one) for one in body["choices"]} if scale is Scale.CHOICE else {},
        withdrawn,
    )


def problem_of(code: str, body: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a question, as a msgid, or None."""
    return next(problems(code, body), (None, None))[1]


def problems(code: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (field of the form, msgid) for everything that is wrong with a question."""
    if not _is_text(code, CODE_LENGTH):
        yield "name", NO_CODE
    if body.get("indicator") not in [one.value for one in Indicator]:
        yield "indicator", NO_INDICATOR
    yield from _scale_problems(body)
    for language in LANGUAGES:
        if not _is_text(body.get(language), TEXT_LENGTH):
            yield language, NO_TEXT
    if not _are_days(body.get("from"), body.get("until")):
        yield "from", NOT_DAYS
    if not _are_kinds(body.get("kinds", [])):
        yield "kinds", NOT_KINDS


def _scale_problems(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with how a question is answered."""
    scale = body.get("scale")
    if scale == Scale.SCORE.value:
        for end, language in product(ENDS, LANGUAGES):
            if not _is_text(_member(body.get(end), language), WORD_LENGTH):
                yield f"{end}_{language}", NO_MEANING
    elif scale == Scale.CHOICE.value:
        if not _are_choices(body.get("choices")):
            yield "choices", NO_CHOICES
    else:
        yield "scale", NO_SCALE


def _words(body: Mapping[str, Any]) -> Words:
    return Words(body["zh"], body["en"])


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= most and NUL not in value


def _are_choices(value: object) -> bool:
    if not isinstance(value, list) or not FEWEST_CHOICES <= len(value) <= MOST_CHOICES:
        return False
    said = all(_is_text(_member(one, language), WORD_LENGTH) for one in value for language in LANGUAGES)
    coded = all(_is_text(_member(one, "code"), CHOICE_LENGTH) for one in value)
    return said and coded and len({one["code"] for one in value}) == len(value)


def _are_days(begins: object, ends: object) -> bool:
    try:
        first = date.fromisoformat(begins) if isinstance(begins, str) else None
        last = date.fromisoformat(ends) if isinstance(ends, str) else None
    except ValueError:
        return False
    return first is not None and (ends is None or (last is not None and first <= last))


def _are_kinds(value: object) -> bool:
    known = {one.value for one in CustomerKind}
    listed = isinstance(value, list) and all(isinstance(one, str) and one in known for one in value)
    return listed and isinstance(value, list) and len(set(value)) == len(value)
