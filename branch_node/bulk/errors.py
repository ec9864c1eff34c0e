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
    message = N_("Choose 1 to %(most)s customers; more are done in parts, each found by a filter.")


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
    message = N_("It is so already.")


class NobodysCustomerError(BranchlineError):
    """The customer has no account manager who could hand it over."""

    code = "nobodys-customer"
    kind = Kind.CONFLICT
    message = N_("It has no account manager, so nobody hands it over. Give it one on its page.")


class TagsFullError(BranchlineError):
    """The customer has as many tags as there may be."""

    code = "tags-full"
    kind = Kind.CONFLICT
    message = N_("At most 20 tags of 30 characters each.")


class ChangedSinceError(BranchlineError):
    """Somebody changed the customer after the bulk act."""

    code = "changed-since"
    kind = Kind.CONFLICT
    message = N_("It was changed since and stays as it is.")


class NothingBeforeError(BranchlineError):
    """There was no stage or tier before, and nobody moves back to none."""

    code = "nothing-before"
    kind = Kind.CONFLICT
    message = N_("There was none before, so it stays.")
