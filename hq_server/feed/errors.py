"""Why something cannot be published."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class ItemNotFoundError(BranchlineError):
    """There is no such published item."""

    code = "feed-item-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such published item.")


class ItemExistsError(BranchlineError):
    """This table or policy has its item; a second one would contradict it."""

    code = "feed-item-exists"
    kind = Kind.CONFLICT
    message = N_("This is published already; change that item instead.")


class NotPublishableError(FieldError):
    """The content breaks the rules that branches keep as well."""

    code = "feed-not-publishable"
    message = N_("%(reason)s")


class NoDraftError(BranchlineError):
    """There is no draft of this item."""

    code = "feed-no-draft"
    kind = Kind.CONFLICT
    message = N_("This item has no draft: somebody published or dropped it meanwhile.")


class NotOutError(BranchlineError):
    """An item that is not published cannot be withdrawn."""

    code = "feed-not-out"
    kind = Kind.CONFLICT
    message = N_("This item is not published, so there is nothing to withdraw.")


class ChangedMeanwhileError(BranchlineError):
    """Somebody saved a version after the page was opened; nothing was written."""

    code = "feed-changed-meanwhile"
    kind = Kind.CONFLICT
    message = N_("Somebody changed this item meanwhile, so nothing was saved. Look at it again.")


class UnknownBranchError(FieldError):
    """It is addressed to a branch that does not exist."""

    code = "feed-unknown-branch"
    message = N_("There is no branch %(branch)s.")


class KindsCountedError(BranchlineError):
    """Kinds of papers are left out that rules or policies count; who means it says so."""

    code = "kinds-counted"
    kind = Kind.CONFLICT
    message = N_(
        "Nobody could add papers of these kinds any more, and they are still counted: %(what)s. "
        "Keep the kinds, or mark that it is meant."
    )
