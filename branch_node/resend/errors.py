"""What can be wrong with a wish to send something once more."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class ResendReasonError(FieldError):
    """There is no reason, or one too long."""

    code = "resend-reason"
    message = N_("Say why in %(least)s to %(most)s characters.")


class ResendChoiceError(FieldError):
    """It is not said what to send, or in two ways at once."""

    code = "resend-choice"
    message = N_(
        "Choose a record type, with numbers or with days if not all of it; or everything; or one batch."
    )


class ResendNumberError(FieldError):
    """No record of the type has this number."""

    code = "resend-number"
    kind = Kind.NOT_FOUND
    message = N_("There is no record with the number %(number)s.")


class ResendRangeError(FieldError):
    """The days are no range, or records of this type have no day on which they were entered."""

    code = "resend-range"
    message = N_(
        "Give the first and the last day, in this order; records that are computed have no day of entry."
    )


class BatchGoneError(BranchlineError):
    """It is not known any more which records a batch held."""

    code = "batch-gone"
    kind = Kind.NOT_FOUND
    message = N_(
        "There is no batch %(batch)s, or its content is no longer kept: send its record type or days instead."
    )


class ResendEndedError(BranchlineError):
    """It has ended already, or never was."""

    code = "resend-ended"
    kind = Kind.CONFLICT
    message = N_("This is not being sent any more.")
