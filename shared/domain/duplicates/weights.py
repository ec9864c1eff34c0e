"""What agreement and disagreement of a field say, in bits: log2 of how much likelier it is of one customer than of two.

Data, with a version: a pair says by which weights it was judged, and other weights judge every pair anew.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Level(StrEnum):
    """How far two values of a field agree."""

    SAME = "same"
    CLOSE = "close"
    ALIKE = "alike"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FieldWeights:
    """The bits of one field, by level; unknown says nothing."""

    same: float
    close: float
    alike: float
    different: float

    def of(self, level: Level) -> float:
        """Return the bits of a level."""
        return 0.0 if level is Level.UNKNOWN else float(getattr(self, level))


VERSION: Final = 1
WEIGHTS: Final = {
    "name": FieldWeights(9.0, 6.0, 2.0, -5.0),
    "id_no": FieldWeights(16.0, 9.0, 2.0, -5.0),
    "birth": FieldWeights(9.0, 5.0, 0.0, -4.0),
    "phone": FieldWeights(9.0, 4.0, 0.0, -1.5),
    "email": FieldWeights(10.0, 5.0, 0.0, -1.0),
    "wechat": FieldWeights(10.0, 4.0, 0.0, -1.0),
    "region": FieldWeights(3.0, 1.0, 0.0, -1.5),
    "address": FieldWeights(8.0, 5.0, 1.0, -2.5),
}
# From here on a pair is put before people; from PROBABLE on it is named where somebody is being entered.
POSSIBLE: Final = 9.0
PROBABLE: Final = 15.0
