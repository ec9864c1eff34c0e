"""Why a bulk act is refused as a whole, or one customer left out of it."""

from shared.errors import N_, BranchlineError, Kind


class BulkNotFoundError(BranchlineError):
    """There is no such bulk act, or it is somebody else's."""

    code = "bulk-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such bulk act here.")


class BulkNobodyError(BranchlineError):
    """Nobody is chosen, or too many at once."""

    code = "bulk-nobody"
    message = N_("Choose 1 to %(most)s customers; narrow the list by a filter and do more in parts.")


class BulkWhatError(BranchlineError):
    """What is to be done is not said, or its value is none."""

    code = "bulk-what"
    message = N_("Choose what is to be done, and a value that it can have.")


class BulkReasonError(BranchlineError):
    """Nobody changes many customers without saying why."""

    code = "bulk-reason"
    message = N_("Write in %(least)s to %(most)s characters why, naming nobody: it stands with every change.")


class BulkForbiddenError(BranchlineError):
    """The kind of staff may not do this."""

    code = "bulk-forbidden"
    kind = Kind.FORBIDDEN
    message = N_("Your kind of staff may not do this to customers.")


class BulkOverError(BranchlineError):
    """The act was taken back, or its day is over."""

    code = "bulk-over"
    kind = Kind.CONFLICT
    message = N_("A bulk act is taken back on its own day only, and once.")


class AlreadySoError(BranchlineError):
    """The customer is so already."""

    code = "already-so"
    kind = Kind.CONFLICT
    message = N_("It is so already. There is nothing to do.")


class NobodysCustomerError(BranchlineError):
    """The customer has no account manager who could hand it over."""

    code = "nobodys-customer"
    kind = Kind.CONFLICT
    message = N_("It has no account manager, so nobody hands it over. Give it one on its page.")


class TagsFullError(BranchlineError):
    """The customer has as many tags as there may be."""

    code = "tags-full"
    kind = Kind.CONFLICT
    message = N_("It has 20 tags, which is the most. Take one away on its page first.")


class ChangedSinceError(BranchlineError):
    """Somebody changed the customer after the bulk act."""

    code = "changed-since"
    kind = Kind.CONFLICT
    message = N_("It was changed since and stays as it is. Change it on its page if it has to be.")


class NoLongerYoursError(BranchlineError):
    """Who ordered the act may not change this customer any more: it was handed over or its share ended meanwhile."""

    code = "no-longer-yours"
    kind = Kind.FORBIDDEN
    message = N_(
        "You may not change it any more: it was handed over or its share ended. Ask who holds it now."
    )


class NotAmongYoursError(BranchlineError):
    """Who asks sees no such customer, be it somebody else's by now or none at all."""

    code = "not-among-yours"
    kind = Kind.NOT_FOUND
    message = N_(
        "It is not among the customers you see: it was handed over, its share ended, or it is gone."
        " Ask who holds it now."
    )


class BulkStateError(BranchlineError):
    """The bulk act does not stand where this could be done."""

    code = "bulk-state"
    kind = Kind.CONFLICT
    message = N_("This bulk act stands elsewhere by now. Look at it again.")


class BulkNotYoursError(BranchlineError):
    """Only who tried a bulk act does it: it is done with their rights."""

    code = "bulk-not-yours"
    kind = Kind.FORBIDDEN
    message = N_(
        "Only who tried it does it, with their own rights. Begin it yourself in the list of customers."
    )


class BulkOrphanError(BranchlineError):
    """Who ordered the act does not sign in any more."""

    code = "bulk-orphan"
    kind = Kind.FORBIDDEN
    message = N_("The account of who ordered it is closed. Somebody else has to do what is left.")


class BulkBrokenError(BranchlineError):
    """The program could not go on; its log says why."""

    code = "bulk-broken"
    kind = Kind.UNAVAILABLE
    message = N_("The program could not go on. Tell an administrator; what is done stays done.")
