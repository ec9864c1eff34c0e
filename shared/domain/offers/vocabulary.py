"""Closed lists of what became of offers."""

from typing import Final

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class OfferStep(Vocabulary):
    """What became of an offer at a customer; VOID takes back what it corrects, which never happened."""

    MADE = ("made", N_("Offered"), "已推介")
    ACCEPTED = ("accepted", N_("Accepted"), "已接受")
    DECLINED = ("declined", N_("Declined"), "已拒绝")
    VOID = ("void", N_("Taken back: it never happened"), "作废")


# What people write down; the last of them says where the customer stands.
STEPS: Final = (OfferStep.MADE, OfferStep.ACCEPTED, OfferStep.DECLINED)
