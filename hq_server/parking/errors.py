"""What can go wrong when people decide about parked records."""

from shared.errors import N_, BranchlineError, Kind


class ParkedNotFoundError(BranchlineError):
    """There is no such parked record."""

    code = "parked-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such parked record.")


class ParkedSettledError(BranchlineError):
    """The record was settled before: by its branch, or by somebody else."""

    code = "parked-settled"
    kind = Kind.CONFLICT
    message = N_("This record is settled already.")


class WaiverReasonError(BranchlineError):
    """Waiving needs a reason."""

    code = "waiver-reason"
    message = N_("Say in %(least)s to %(most)s characters why it need not go in.")


class WaiverNotAskedError(BranchlineError):
    """Nobody has asked to waive this record."""

    code = "waiver-not-asked"
    kind = Kind.CONFLICT
    message = N_("Nobody has asked to waive this record.")
