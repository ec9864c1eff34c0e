"""Why an order about personal data was not given."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class HoldNotThereError(BranchlineError):
    """There is no such open hold at any branch."""

    code = "hold-not-there"
    kind = Kind.NOT_FOUND
    message = N_("There is no such open legal hold.")


class OrderErasedError(BranchlineError):
    """Its branch has erased the customer."""

    code = "order-erased"
    kind = Kind.CONFLICT
    message = N_("The branch has erased this customer, so there is nothing to hold or to erase.")


class OrderReasonError(FieldError):
    """An order needs a reason."""

    code = "order-reason"
    message = N_("Please say why, in %(least)s to %(most)s characters.")


class OrderDayError(FieldError):
    """A hold cannot end before it begins."""

    code = "order-day"
    message = N_("The last day cannot be over already.")


class OrderNotADayError(FieldError):
    """The last day of a hold is no day."""

    code = "order-not-a-day"
    message = N_("Please give a day as 2026-03-09.")
