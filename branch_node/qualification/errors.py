"""Why a customer was not judged, or a judgement not decided on."""

from shared.domain.qualification.fields import REASON_LENGTH
from shared.errors import N_, BranchlineError, FieldError, Kind


class NotWaitingError(BranchlineError):
    """The judgement was decided on, or replaced by a newer one."""

    code = "qualification-not-waiting"
    kind = Kind.CONFLICT
    message = N_("This judgement no longer waits for a decision. Look at the customer's latest one.")


class OwnProposalError(BranchlineError):
    """Nobody approves what they submitted."""

    code = "qualification-own"
    kind = Kind.FORBIDDEN
    message = N_(
        "You submitted this judgement, so somebody else decides on it. Where nobody else may, the account manager"
        " judges the customer again, and then the branch manager decides."
    )


class JudgedStaleError(BranchlineError):
    """A fact that decided has changed since; nothing was written."""

    code = "qualification-stale"
    kind = Kind.CONFLICT
    message = N_("%(fact)s has changed since the customer was judged, so judge again first.")


class RulesChangedError(BranchlineError):
    """Head office has published other rules since; nothing was written."""

    code = "qualification-rules-changed"
    kind = Kind.CONFLICT
    message = N_("The rules have changed since the customer was judged, so judge again first.")


class NoRefusalReasonError(FieldError):
    """Who refuses says why."""

    code = "qualification-no-reason"
    message = N_("Say in 3 to 500 characters why it is refused.")


LEAST_REASON = 3
MOST_REASON = REASON_LENGTH
