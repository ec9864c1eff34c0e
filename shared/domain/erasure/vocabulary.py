"""Why a customer was erased."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class ErasureReason(Vocabulary):
    """Why a customer's personal data was erased."""

    REQUEST = "request", N_("The person asked for it"), "本人要求"
    CONSENT = "consent", N_("Consent was withdrawn"), "撤回同意"
    PURPOSE = "purpose", N_("No longer needed for its purpose"), "处理目的已实现"
    ORDER = "order", N_("Head office asked for it"), "总公司要求"

    @classmethod
    def of(cls, code: str) -> "ErasureReason":
        """Return the reason with this code, which came from the wire or the register."""
        return next(one for one in cls if one.value == code)
