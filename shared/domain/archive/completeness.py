"""How complete a customer's file is, in percent, and what is missing: weights are data, one set for each kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.archive.keeping import COMPLETE_DOUBLE, COMPLETE_GROUP, COMPLETE_INDIVIDUAL, COUNTED_WORDS
from shared.domain.customers.vocabulary import CustomerKind
from shared.domain.documents.vocabulary import kind_of

NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})
WHOLE: Final = 100
Weights = Mapping[CustomerKind, Mapping[str, int]]
# What counts where head office has published nothing.
USUAL_FIELDS: Final[Mapping[CustomerKind, Sequence[str]]] = {
    CustomerKind.INDIVIDUAL: (
        "id_no",
        "mobile",
        "region_code",
        "address",
        "grade",
        "opened_on",
        "manager_id",
        "preferred_channel",
    ),
    CustomerKind.GROUP: (
        "short_name",
        "id_no",
        "phone",
        "email",
        "region_code",
        "address",
        "grade",
        "opened_on",
        "manager_id",
        "preferred_channel",
    ),
}
USUAL_DOUBLE: Final = ("id_no", "mobile", "phone")
_POLICY_OF: Final = {
    CustomerKind.INDIVIDUAL: COMPLETE_INDIVIDUAL,
    CustomerKind.GROUP: COMPLETE_GROUP,
}


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of a file is there, and which fields are missing, those that weigh most first."""

    percent: int
    missing: tuple[str, ...]


def weights_of(published: Mapping[str, Any]) -> Weights:
    """Return how much each field weighs, by kind of customer, from the policies that are in force."""
    double = set(published.get(COMPLETE_DOUBLE, USUAL_DOUBLE))
    return {
        kind: {
            field: 2 if field in double else 1
            for field in published.get(_POLICY_OF[kind], USUAL_FIELDS[kind])
            if field in COUNTED_WORDS or kind_of(field)
        }
        for kind in CustomerKind
    }


def completeness(kind: CustomerKind, values: Mapping[str, Any], weights: Weights) -> Completeness:
    """Return how complete a file with these values is; one of which nothing is asked is complete."""
    wanted = weights[kind]
    missing = [field for field in wanted if values.get(field) in NOTHING]
    total = sum(wanted.values())
    lacking = sum(wanted[field] for field in missing)
    percent = WHOLE if not total else (total - lacking) * WHOLE // total
    return Completeness(percent, tuple(sorted(missing, key=lambda field: -wanted[field])))
