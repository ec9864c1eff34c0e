"""Why a request about personal data was not taken or not carried out."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class RequestNotFoundError(BranchlineError):
    """There is no such request."""

    code = "personal-request-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such request about personal data.")


class RequestOverError(BranchlineError):
    """It was answered already."""

    code = "personal-request-over"
    kind = Kind.CONFLICT
    message = N_("This request was answered already.")


class WhoAskedError(FieldError):
    """Who asks is on record."""

    code = "personal-request-who"
    message = N_("Please write who asks, in at most 120 characters.")


class RequestDayError(FieldError):
    """A request is received on a day that has been."""

    code = "personal-request-day"
    message = N_("Please give the day on which it was received; not one to come.")


class RequestWordError(FieldError):
    """What is asked, or how the person was identified, is not in the list."""

    code = "personal-request-word"
    message = N_("Please choose one of the list.")


class AnswerError(FieldError):
    """Refusing needs the reason the person is told."""

    code = "personal-request-answer"
    message = N_("Please write why, in 3 to 500 characters; the person is told.")


class NotErasureError(BranchlineError):
    """Only who asks to be erased is."""

    code = "personal-request-no-erasure"
    kind = Kind.CONFLICT
    message = N_("This request does not ask for erasure.")


class FileOpenError(BranchlineError):
    """The customer still is one."""

    code = "personal-request-file-open"
    kind = Kind.CONFLICT
    message = N_(
        "This customer is still active. Close the file first; then what was only for serving them may go."
    )


class BalanceOpenError(BranchlineError):
    """Money is still owed, either way."""

    code = "personal-request-balance"
    kind = Kind.CONFLICT
    message = N_("The account is not settled: %(amounts)s. Settle or correct it first.")


class UploadOpenError(BranchlineError):
    """A file that may hold the customer waits to be taken in."""

    code = "personal-request-upload"
    kind = Kind.CONFLICT
    message = N_(
        "An uploaded file is not taken in yet and may hold this customer. Take it in or discard it first."
    )
