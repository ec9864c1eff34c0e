"""Closed lists of billing."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class BillKind(Vocabulary):
    """What a bill line stands for."""

    CHARGE = ("charge", N_("Charge"), "应收")
    PAYMENT = ("payment", N_("Payment"), "实收")
    ADJUSTMENT = ("adjustment", N_("Adjustment"), "调整")
