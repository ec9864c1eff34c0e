"""Offers as they travel, and to whom one applies: decided alike wherever it is asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from shared.domain.customers.fields import CustomerFields
from shared.domain.customers.vocabulary import CustomerKind, LifecycleStage, ValueTier
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_

CODE_LENGTH: Final = 40
TITLE_LENGTH: Final = 120
TEXT_LENGTH: Final = 2_000
NUL: Final = "\x00"
NO_CODE: Final = N_("An offer needs a code of at most 40 characters.")
NO_TITLE: Final = N_("An offer needs a title of at most 120 characters.")
NO_TEXT: Final = N_("An offer says in at most 2,000 characters what is offered.")
NOT_DAYS: Final = N_("The days of this offer are no days, or end before they begin.")
NOT_LISTED: Final = N_("Choose among the tiers, stages and kinds that there are; none of them means all.")
# What an offer may be limited to: the member of its body, the customer's column, and what that holds.
LIMITS: Final[Mapping[str, tuple[str, type[Vocabulary]]]] = {
    "tiers": ("value_tier", ValueTier),
    "stages": ("lifecycle_stage", LifecycleStage),
    "kinds": ("kind", CustomerKind),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer; it applies from `begins` through `ends` to whom meets every limit, and no limit is met by all."""

    code: str
    title: str
    text: str
    begins: date
    ends: date | None = None
    tiers: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def why(self, customer: CustomerFields, day: date) -> tuple[Vocabulary, ...] | None:
        """Return what of a customer makes this apply on a day, nothing where it is for all; None when it does not."""
        if day < self.begins or (self.ends is not None and self.ends < day):
            return None
        met: list[Vocabulary] = []
        for limit, (column, _words) in LIMITS.items():
            wanted, has = getattr(self, limit), getattr(customer, column)
            if wanted and (has is None or has.value not in wanted):
                return None
            met += [has] if wanted else []
        return tuple(met)


def read_offer(code: str, body: Mapping[str, Any]) -> Offer:
    """Return the offer of a body that `problem_of` finds good."""
    until = body.get("until")
    limits = {limit: tuple(body.get(limit) or ()) for limit in LIMITS}
    begins, ends = date.fromisoformat(body["from"]), date.fromisoformat(until) if until else None
    return Offer(code, body["title"], body["text"], begins, ends, **limits)


def problem_of(code: str, body: Mapping[str, Any]) -> str | None:
    """Return what is wrong with an offer, as a msgid, or None."""
    return next(problems(code, body), (None, None))[1]


def problems(code: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (field of the form, msgid) for everything that is wrong with an offer."""
    for field, value, most, cure in (
        ("name", code, CODE_LENGTH, NO_CODE),
        ("title", body.get("title"), TITLE_LENGTH, NO_TITLE),
        ("text", body.get("text"), TEXT_LENGTH, NO_TEXT),
    ):
        if not isinstance(value, str) or not value.strip() or len(value) > most or NUL in value:
            yield field, cure
    if not _are_days(body.get("from"), body.get("until")):
        yield "from", NOT_DAYS
    for limit, (_column, words) in LIMITS.items():
        if not _are_codes(body.get(limit, []), words):
            yield limit, NOT_LISTED


def _are_days(begins: object, ends: object) -> bool:
    try:
        first = date.fromisoformat(begins) if isinstance(begins, str) else None
        last = date.fromisoformat(ends) if isinstance(ends, str) else None
    except ValueError:
        return False
    return first is not None and (ends is None or (last is not None and first <= last))


def _are_codes(value: object, words: type[Vocabulary]) -> bool:
    known = {one.value for one in words}
    return (
        isinstance(value, list)
        and all(isinstance(one, str) and one in known for one in value)
        and len(set(value)) == len(value)
    )
