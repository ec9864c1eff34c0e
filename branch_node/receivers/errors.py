"""What can be wrong with a receiver that is named."""

from shared.errors import N_, BranchlineError, Kind


class ReceiverUnknownError(BranchlineError):
    """This branch sends to nobody of this name."""

    code = "receiver-unknown"
    kind = Kind.NOT_FOUND
    message = N_("This branch sends to no receiver named %(name)s.")


class ReceiverNameError(BranchlineError):
    """The name cannot be given to a receiver."""

    code = "receiver-name"
    message = N_(
        "%(name)s cannot name a receiver: take up to 20 lower-case letters, digits and hyphens, beginning with a "
        "letter, and not hq, which is head office."
    )


class RecordsUnknownError(BranchlineError):
    """There are no such record types."""

    code = "records-unknown"
    message = N_("%(records)s: there are no such record types; there are %(known)s.")


class OtherReceiverError(BranchlineError):
    """The name or the address belongs to another receiver."""

    code = "receiver-is-another"
    kind = Kind.CONFLICT
    message = N_("%(name)s is another receiver already; each has a name and an address of its own.")


class UndeliveredError(BranchlineError):
    """Something was not delivered yet, and nobody has said that it may be left."""

    code = "receiver-undelivered"
    kind = Kind.CONFLICT
    message = N_("%(name)s has not received %(count)s changes; confirm that it need not get them.")
