"""What can go wrong when somebody writes down what became of an offer."""

from typing import Final

from shared.errors import N_, BranchlineError, FieldError, Kind

IN_FUTURE: Final = N_("Give today or an earlier day.")
WHY_DECLINED: Final = N_("Write down why it was declined.")
WHY_DESPITE: Final = N_(
    "The customer is not to be contacted: write down why the offer was made all the same."
)
WHY_VOID: Final = N_("Write down why it is taken back.")
NOT_OFFERED: Final = N_(
    "Choose an offer that applies to this customer on that day, or one already written down."
)


class OfferAnswerNotFoundError(BranchlineError):
    """There is no such entry about an offer at this branch."""

    code = "offer-answer-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such entry about an offer here.")


class OfferAnswerCorrectedError(BranchlineError):
    """Another entry corrects this one already."""

    code = "offer-answer-corrected"
    kind = Kind.CONFLICT
    message = N_("Somebody corrected this entry meanwhile, so nothing was saved. Correct the latest version.")


class OfferFieldError(FieldError):
    """What was written about an offer does not fit what is known; `params["cure"]` says what to do."""

    code = "offer-field"
    message = N_("%(field)s: %(cure)s")
