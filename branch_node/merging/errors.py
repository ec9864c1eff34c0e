"""Why two files are not merged, or not parted."""

from shared.errors import N_, BranchlineError, Kind


class CannotMergeError(BranchlineError):
    """These two files cannot be merged as they stand; nothing was written."""

    code = "cannot-merge"
    kind = Kind.CONFLICT
    message = N_("Choose two different files of which neither was merged or erased.")


class MergeGroupError(BranchlineError):
    """Customers stand below the file that goes, and cannot stand below the other; nothing was written."""

    code = "merge-group"
    kind = Kind.CONFLICT
    message = N_(
        "Customers stand below the file that goes. The one that stays must be a group customer that does not stand"
        " below it: change the group first, or merge the other way round."
    )


class MergeKindError(BranchlineError):
    """The customer of the two would be something that neither form nor file may write; nothing was written."""

    code = "merge-kind"
    kind = Kind.CONFLICT
    message = N_(
        "%(members)s customers stand below the file that stays, so it stays a group customer. Keep its own kind, or"
        " place them elsewhere first."
    )


class MergeDocumentError(BranchlineError):
    """The customer of the two would have a document that is not one of their kind; nothing was written."""

    code = "merge-document"
    kind = Kind.CONFLICT
    message = N_(
        "The kind of customer and the document that were chosen do not belong together. Take both from the same file."
    )


class MergeHeldError(BranchlineError):
    """A legal hold is open on one of the files; nothing was written."""

    code = "merge-held"
    kind = Kind.CONFLICT
    message = N_(
        "One of the two files is under a legal hold: until it is released nothing is merged or taken back."
    )


class MergeAskedError(BranchlineError):
    """Somebody waits for an answer about one of the files; nothing was written."""

    code = "merge-request-open"
    kind = Kind.CONFLICT
    message = N_("A request about personal data of one of the two is open. Answer it first.")


class MergeProposedError(BranchlineError):
    """One of the files is in a merge that waits for its decision."""

    code = "merge-proposed"
    kind = Kind.CONFLICT
    message = N_("A merge of one of these files waits for its decision already.")


class OwnProposalError(BranchlineError):
    """Nobody approves what they proposed; nothing was written."""

    code = "merge-own-proposal"
    kind = Kind.FORBIDDEN
    message = N_(
        "You proposed this merge, so somebody else decides on it: another branch manager. Where there is none, withdraw"
        " it and let an account manager or the service desk propose it."
    )


class MergeNotFoundError(BranchlineError):
    """There is no such merge."""

    code = "merge-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such merge here.")


class MergeOverError(BranchlineError):
    """The merge is no longer in the state in which this can be done."""

    code = "merge-over"
    kind = Kind.CONFLICT
    message = N_("Somebody decided on this merge meanwhile. Look at it again.")


class LaterMergeError(BranchlineError):
    """Another merge was built on this one; it is taken back first."""

    code = "merge-later"
    kind = Kind.CONFLICT
    message = N_("The surviving file was merged again since. Take the later merge back first.")


class MergeErasedError(BranchlineError):
    """What the merge would need to be taken back was erased."""

    code = "merge-erased"
    kind = Kind.CONFLICT
    message = N_("This customer was erased, so the two files cannot be parted any more.")
