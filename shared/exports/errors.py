"""Why an export was not made or not handed out."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class ExportNotFoundError(BranchlineError):
    """There is no such export, or it is not among those this person sees."""

    code = "export-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such export.")


class ExportReasonError(FieldError):
    """Personal data leaves the node for a reason only."""

    code = "export-reason"
    message = N_("Please say what the file is for, in %(least)s to %(most)s characters.")


class ExportEmptyError(BranchlineError):
    """Nothing would stand in the file."""

    code = "export-empty"
    kind = Kind.CONFLICT
    message = N_("There is nothing to export: no row matches. Nothing was made.")


class ExportCapError(BranchlineError):
    """The person would take more rows in one day than anybody may."""

    code = "export-cap"
    kind = Kind.TOO_MANY
    message = N_(
        "One person may export %(most)s rows with personal data a day; you have %(left)s left today, and this would "
        "be %(rows)s. Narrow the list, or go on tomorrow. Nothing was made."
    )


class ExportAskedError(BranchlineError):
    """The same person waits for the same export already."""

    code = "export-asked"
    kind = Kind.CONFLICT
    message = N_("You have asked for this already, as export %(number)s; it waits for a second person.")


class ExportChangedError(BranchlineError):
    """What would be made is not what was approved."""

    code = "export-changed"
    kind = Kind.CONFLICT
    message = N_("This is not what was approved: the list or its rows have changed since. Please ask anew.")


class ExportOverError(BranchlineError):
    """Its time is over, it was fetched as often as it may be, or it was never approved."""

    code = "export-over"
    kind = Kind.CONFLICT
    message = N_(
        "This export cannot be fetched now, or not any more. Ask for it again if it is still needed."
    )


class NotAskerError(BranchlineError):
    """A file goes to who asked for it and to nobody else."""

    code = "export-of-another"
    kind = Kind.FORBIDDEN
    message = N_("Only who asked for an export can fetch it.")


class TooManyRowsError(BranchlineError):
    """An export would hold more rows than anybody can read; it is refused, never cut short."""

    code = "export-too-large"
    kind = Kind.TOO_LARGE
    message = N_("An export holds at most %(most)s rows. Narrow the filter and try again.")
