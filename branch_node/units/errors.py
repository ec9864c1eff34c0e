"""What can go wrong with tracked units."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class UnitNotFoundError(BranchlineError):
    """There is no such unit at this branch."""

    code = "unit-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such unit here.")


class UnitEventNotFoundError(BranchlineError):
    """There is no such entry about a unit at this branch."""

    code = "unit-event-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such entry about a unit here.")


class UnitRecallNotFoundError(BranchlineError):
    """No such recall holds at this branch."""

    code = "unit-recall-not-found"
    kind = Kind.NOT_FOUND
    message = N_("No such recall holds here. Head office may have withdrawn it.")


class SerialTakenError(BranchlineError):
    """Another unit in use has this number."""

    code = "serial-taken"
    kind = Kind.CONFLICT
    message = N_(
        "Another unit in use has the number %(serial_no)s. It may be a customer's whom you do not see."
    )


class UnitChangedMeanwhileError(BranchlineError):
    """Somebody saved this unit after the page was opened; nothing was written."""

    code = "unit-changed-meanwhile"
    kind = Kind.CONFLICT
    message = N_("%(who)s changed this unit meanwhile, so nothing was saved. Compare, then save again.")


class UnitNotYoursError(BranchlineError):
    """Only who sees the present owner writes about a unit; nothing was written."""

    code = "unit-not-yours"
    kind = Kind.FORBIDDEN
    message = N_(
        "This unit is with somebody now whose file you do not see. Their account manager writes about it."
    )


class UnitEventCorrectedError(BranchlineError):
    """Another entry corrects this one already."""

    code = "unit-event-corrected"
    kind = Kind.CONFLICT
    message = N_("Somebody corrected this entry meanwhile, so nothing was saved. Correct the latest version.")


class UnitFieldError(FieldError):
    """What was written about a unit does not fit what is known of it; `params["cure"]` says what to do."""

    code = "unit-field"
    message = N_("%(field)s: %(cure)s")


IN_FUTURE = N_("This day is still to come.")
SAME_DAY = N_("An entry of this day says already whose it is. Correct that one.")
ALREADY_THEIRS = N_("It is this customer's on that day already.")
WHY_TRANSFER = N_("Please write why it changes hands.")
NOBODYS = N_("It was nobody's on that day.")
WHY_LESS = N_("The meter showed more before, or less after. Please write why.")
WHICH_RECALL = N_("Please choose the recall that was carried out.")
WHY_VOID = N_("Please write why this never happened.")
