"""How a parked record can stand."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class ParkedState(Vocabulary):
    """A parked record waits until a newer version replaces it, it goes in after all, or people waive it."""

    PARKED = "parked", N_("To be mended"), "待改正"
    SUPERSEDED = "superseded", N_("Replaced by a newer version"), "已被新版本取代"
    REPLAYED = "replayed", N_("Taken in after all"), "已补入"
    WAIVED = "waived", N_("Waived"), "已放弃"
