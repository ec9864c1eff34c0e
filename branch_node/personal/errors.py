"""Why something about personal data was not done."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class CustomerHeldError(BranchlineError):
    """A legal hold is open on the customer; nothing was erased."""

    code = "customer-held"
    kind = Kind.CONFLICT
    message = N_("A legal hold is open on this customer, so nothing of them is erased until it is released.")


class HoldNotFoundError(BranchlineError):
    """There is no such legal hold."""

    code = "hold-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such legal hold.")


class HoldReleasedError(BranchlineError):
    """The hold was released already."""

    code = "hold-released"
    kind = Kind.CONFLICT
    message = N_("This legal hold is released already.")


class HoldOfHeadOfficeError(BranchlineError):
    """Head office placed the hold, so head office releases it."""

    code = "hold-of-head-office"
    kind = Kind.FORBIDDEN
    message = N_("Head office placed this legal hold; only head office can release it.")


class HoldReasonError(FieldError):
    """Placing and releasing need a reason."""

    code = "hold-reason"
    message = N_("Please say why, in %(least)s to %(most)s characters.")


class HoldDayError(FieldError):
    """A hold cannot end before it begins."""

    code = "hold-day"
    message = N_("The last day cannot be over already.")
