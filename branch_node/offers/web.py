"""What the pages of offers share."""

from typing import Final

from branch_node.offers.errors import OfferFieldError
from shared.domain.offers.vocabulary import OfferStep
from shared.errors import BranchlineError
from shared.i18n import gettext as _
from shared.i18n import translate_error

STEP_TONES: Final = {OfferStep.MADE: "info", OfferStep.ACCEPTED: "ok", OfferStep.DECLINED: "warn"}


def sentence(refused: BranchlineError) -> dict[str, str]:
    """Return an error at its field, for a form to show."""
    if isinstance(refused, OfferFieldError):
        return {str(refused.params["field"]): _(str(refused.params["cure"]))}
    return {"": translate_error(refused)}
