"""Why something was not put into the retained archive, not unlocked or not taken out."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class EntryNotFoundError(BranchlineError):
    """There is no such entry."""

    code = "archive-entry-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such entry in the retained archive.")


class ArchiveReasonError(FieldError):
    """Whatever goes into the retained archive needs a reason."""

    code = "archive-reason"
    message = N_("Please say why, in %(least)s to %(most)s characters.")


class NoteTextError(FieldError):
    """A note says something."""

    code = "archive-note"
    message = N_("Please write the note, up to %(most)s characters.")


class NothingNewError(BranchlineError):
    """The archive holds this very file already."""

    code = "archive-nothing-new"
    kind = Kind.CONFLICT
    message = N_("The retained archive holds this file as it stands. Nothing was added.")


class NoKeyError(BranchlineError):
    """Without the node's log key nothing can be sealed."""

    code = "archive-no-key"
    kind = Kind.UNAVAILABLE
    message = N_("The key that seals the archive is not at hand. Nothing was added.")


class EntryLockedError(BranchlineError):
    """The entry is locked, or its time is over."""

    code = "archive-locked"
    kind = Kind.CONFLICT
    message = N_("This entry is locked. Two people unlock it for a while; that time is not or no longer.")


class EntryUnlockedError(BranchlineError):
    """The entry is unlocked already."""

    code = "archive-unlocked"
    kind = Kind.CONFLICT
    message = N_("This entry is unlocked already.")


class NotAFileError(BranchlineError):
    """Notes and removals are no files: only a file is unlocked."""

    code = "archive-not-a-file"
    kind = Kind.CONFLICT
    message = N_("Only a file can be unlocked or taken out, not a note.")


class TakenOutError(BranchlineError):
    """The content was taken out of the archive."""

    code = "archive-taken-out"
    kind = Kind.CONFLICT
    message = N_("The content of this entry was taken out of the archive.")


class NotDueError(BranchlineError):
    """The entry is younger than head office's rule asks for."""

    code = "archive-not-due"
    kind = Kind.CONFLICT
    message = N_("Files are kept for %(years)s years; this one stays until %(day)s.")


class KeptForEverError(BranchlineError):
    """Head office has fixed no time after which files may go."""

    code = "archive-kept-for-ever"
    kind = Kind.CONFLICT
    message = N_("Head office has not said how long files are kept, so none is taken out.")


class ArchiveHeldError(BranchlineError):
    """A legal hold keeps everything of the customer."""

    code = "archive-held"
    kind = Kind.CONFLICT
    message = N_("A legal hold is open on this customer: nothing is taken out until it is released.")
