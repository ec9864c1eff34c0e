"""The catalogue of facts that rules may ask for: what each is called, its unit and what kind of value it has.

It is closed but for papers: of every kind of papers it is a fact which of them a customer has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus, IdentityDocument
from shared.domain.documents.papers import Paper
from shared.domain.documents.vocabulary import kind_of
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_

# A fact of one customer; None where it is not known. Amounts are in minor units; papers are those not retired.
Datum = bool | str | int | tuple[str, ...] | tuple[Paper, ...] | None
Facts = Mapping[str, Datum]
MINOR: Final = 100
YES: Final = "yes"
NO: Final = "no"
YES_NO: Final = {YES: N_("yes"), NO: N_("no")}


class FactType(StrEnum):
    """What kind of value a fact has, which says how it can be tested."""

    FLAG = "flag"
    CODE = "code"
    NUMBER = "number"
    AMOUNT = "amount"
    PERCENT = "percent"
    SET = "set"
    PAPER = "paper"


MEASURED: Final = frozenset({FactType.NUMBER, FactType.AMOUNT, FactType.PERCENT})


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact; `unit` is a msgid, `options` the codes it may have with their msgids."""

    code: str
    label: str
    type: FactType
    unit: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


def _options(vocabulary: type[Vocabulary]) -> dict[str, str]:
    return {member.value: member.label for member in vocabulary}


KIND: Final = "customer_kind"
DOCUMENT: Final = "document_kind"
NUMBER_GIVEN: Final = "identity_number"
NUMBER_VALID: Final = "identity_valid"
MONTHS: Final = "months_with_us"
STATUS: Final = "status"
BILLED: Final = "billed"
PAID_SHARE: Final = "paid_share"
ARREARS: Final = "arrears"
PRODUCTS: Final = "products"
CONTACTS: Final = "contacts"
MEMBERS: Final = "members"
KEY_PERSONS: Final = "key_persons"

FACTS: Final[Mapping[str, Fact]] = {
    fact.code: fact
    for fact in (
        Fact(KIND, N_("Kind of customer"), FactType.CODE, options=_options(CustomerKind)),
        Fact(DOCUMENT, N_("Identity document"), FactType.CODE, options=_options(IdentityDocument)),
        Fact(NUMBER_GIVEN, N_("Document number given"), FactType.FLAG, options=YES_NO),
        Fact(NUMBER_VALID, N_("Document number valid"), FactType.FLAG, options=YES_NO),
        Fact(MONTHS, N_("Time with us"), FactType.NUMBER, N_("months")),
        Fact(STATUS, N_("Status"), FactType.CODE, options=_options(CustomerStatus)),
        Fact(BILLED, N_("Billed in 12 months"), FactType.AMOUNT),
        Fact(PAID_SHARE, N_("Paid of what was billed in 12 months"), FactType.PERCENT, "%"),
        Fact(ARREARS, N_("Arrears"), FactType.AMOUNT),
        Fact(PRODUCTS, N_("Products billed in 12 months"), FactType.SET),
        Fact(CONTACTS, N_("Contacts in 12 months"), FactType.NUMBER, N_("contacts")),
        Fact(MEMBERS, N_("Members directly below"), FactType.NUMBER, N_("members")),
        Fact(KEY_PERSONS, N_("Key persons known"), FactType.NUMBER, N_("people")),
    )
}


def fact_of(code: object) -> Fact | None:
    """Return the fact of a code, or None; one of papers is called by the kind that it names."""
    if not isinstance(code, str):
        return None
    kind = kind_of(code)
    return FACTS.get(code) if kind is None else Fact(code, kind, FactType.PAPER)
