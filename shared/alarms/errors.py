"""What can go wrong with alarms."""

from shared.errors import N_, BranchlineError, Kind


class AlarmNotFoundError(BranchlineError):
    """There is no such alarm."""

    code = "alarm-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such alarm.")


class AlarmClosedError(BranchlineError):
    """The alarm was over, or somebody closed it, before."""

    code = "alarm-closed"
    kind = Kind.CONFLICT
    message = N_("This alarm is closed already.")


class AlarmNoteError(BranchlineError):
    """Closing an alarm needs a word of what was done about it."""

    code = "alarm-note"
    message = N_("Say in %(least)s to %(most)s characters what was done about it.")


class AlarmTakesTwoError(BranchlineError):
    """An alarm about what one person did alone is not closed by one person alone."""

    code = "alarm-takes-two"
    kind = Kind.FORBIDDEN
    message = N_("This alarm is closed by two people: say what was done, and another administrator agrees.")
