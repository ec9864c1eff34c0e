"""Why an act of two people was not proposed or not decided."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class ActNotFoundError(BranchlineError):
    """There is no such proposed act."""

    code = "act-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such request.")


class ActOverError(BranchlineError):
    """It was decided, withdrawn or not decided in time; nothing happens twice."""

    code = "act-over"
    kind = Kind.CONFLICT
    message = N_("This request is over already.")


class ActChangedError(BranchlineError):
    """What would be done is not what was proposed, or not what the person saw who approves it."""

    code = "act-changed"
    kind = Kind.CONFLICT
    message = N_("This is not what was asked for. Nothing was done; look at the request again.")


class ActProposedError(BranchlineError):
    """The same is proposed already."""

    code = "act-proposed"
    kind = Kind.CONFLICT
    message = N_("%(who)s has asked for this already.")


class ActReasonError(FieldError):
    """Proposing and refusing need a reason."""

    code = "act-reason"
    message = N_("Please say why, in %(least)s to %(most)s characters.")


class OwnActError(BranchlineError):
    """Nobody decides on what they proposed themselves."""

    code = "own-act"
    kind = Kind.FORBIDDEN
    message = N_("You asked for this yourself; somebody else has to decide.")


class NotProposerError(BranchlineError):
    """Only the proposer withdraws an act; others refuse it."""

    code = "not-proposer"
    kind = Kind.FORBIDDEN
    message = N_("Only who asked for this can withdraw it; you can refuse it.")


class NotEligibleError(BranchlineError):
    """The person may not decide on acts of this kind."""

    code = "not-eligible"
    kind = Kind.FORBIDDEN
    message = N_("You may not decide on this kind of request.")
