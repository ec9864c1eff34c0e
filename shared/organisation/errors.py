"""Why a change of the organisation was refused."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class DepartmentNotFoundError(BranchlineError):
    """There is no such department at this node."""

    code = "department-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such department here. Choose one from the organisation.")


class DepartmentNameError(FieldError):
    """A department has no name."""

    code = "department-name"
    message = N_("Please give the department's name, at most 80 characters.")


class DepartmentNameTakenError(FieldError):
    """Another department at the same place has this name."""

    code = "department-name-taken"
    kind = Kind.CONFLICT
    message = N_("There is a department %(name)s at this place already.")


class DepartmentCodeError(FieldError):
    """A department's code cannot be used."""

    code = "department-code"
    message = N_("A code has 1 to 20 letters or digits; hyphen, dot and underscore may stand between.")


class DepartmentCodeTakenError(FieldError):
    """Another department has this code."""

    code = "department-code-taken"
    kind = Kind.CONFLICT
    message = N_("%(name)s has the code %(taken)s already.")


class DepartmentPositionError(FieldError):
    """A department's place among its neighbours is no small number."""

    code = "department-position"
    message = N_("The order is a whole number from 0 to 9999.")


class DepartmentCircleError(FieldError):
    """A department would stand under itself."""

    code = "department-circle"
    kind = Kind.CONFLICT
    message = N_("%(name)s cannot go there: that is the department itself, or one under it.")


class DepartmentRetiredError(FieldError):
    """A retired department takes nothing in."""

    code = "department-retired"
    kind = Kind.CONFLICT
    message = N_("%(name)s is retired. Choose a department that is in use.")


class DepartmentInUseError(BranchlineError):
    """People or departments would be left behind."""

    code = "department-in-use"
    kind = Kind.CONFLICT
    message = N_(
        "%(name)s still has %(people)s people and %(departments)s departments under it. "
        "Move them first, or merge it into another department."
    )
