"""Why customers are not handed over, signed for, or taken back."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class HandoverNotFoundError(BranchlineError):
    """There is no such hand-over among those somebody sees."""

    code = "handover-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such hand-over here. Choose one from the list.")


class HandoverWhoError(BranchlineError):
    """From or to whom is not said, or they cannot be; nothing was written."""

    code = "handover-who"
    kind = Kind.INVALID
    message = N_(
        "Choose whom the customers come from, and another account manager at work who takes them over."
    )


class HandoverNobodyError(BranchlineError):
    """No customer was chosen, or too many for one go; nothing was written."""

    code = "handover-nobody"
    kind = Kind.INVALID
    message = N_("Choose from one to %(most)s customers to hand over.")


class HandoverFormError(BranchlineError):
    """The last day or the reason is missing; nothing was written."""

    code = "handover-form"
    kind = Kind.INVALID
    message = N_("Give the last day and the reason.")


class HandoverDayError(FieldError):
    """The last day is so far away that the year must be wrong; nothing was written."""

    code = "handover-day"
    kind = Kind.INVALID
    message = N_("The last day lies more than a year from today. Check the year.")


class HandoverMeanwhileError(BranchlineError):
    """One of the customers is no longer the leaver's, or was erased or merged; nobody was handed over."""

    code = "handover-meanwhile"
    kind = Kind.CONFLICT
    message = N_(
        "%(customer)s is no longer held by %(manager)s, or was erased or merged meanwhile. Nothing was handed over:"
        " look at the list again."
    )


class NotYoursToSignError(BranchlineError):
    """Only the two account managers of a hand-over sign for it, each for themselves."""

    code = "handover-not-yours"
    kind = Kind.FORBIDDEN
    message = N_("Only the two account managers of this hand-over sign it, each with their own account.")


class HandoverSignedError(BranchlineError):
    """It is signed already; the first signature stays."""

    code = "handover-signed"
    kind = Kind.CONFLICT
    message = N_("This is signed already; the first signature stays.")


class HandoverLeftError(BranchlineError):
    """The leaver is marked as left already."""

    code = "handover-left"
    kind = Kind.CONFLICT
    message = N_("This account manager is marked as left already.")


class HandoverPaperError(BranchlineError):
    """A signature on paper is noted with where the paper lies."""

    code = "handover-paper"
    kind = Kind.INVALID
    message = N_("Write in %(least)s to %(most)s characters where the signed paper lies.")


class HandoverOverError(BranchlineError):
    """The hand-over was taken back already, or its day is over."""

    code = "handover-over"
    kind = Kind.CONFLICT
    message = N_(
        "A hand-over is taken back once, and only on the day it was made. Hand the customers over again."
    )


class NoAccountToCloseError(BranchlineError):
    """Nobody signs in with an account of the leaver any more, or the hand-over was taken back."""

    code = "no-account-to-close"
    kind = Kind.CONFLICT
    message = N_("There is no open account of this account manager, or the hand-over was taken back.")
