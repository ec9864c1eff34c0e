"""What can go wrong when a branch is registered or joins."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class BranchCodeError(FieldError):
    """The code of a branch is not acceptable."""

    code = "branch-code-invalid"
    message = N_("A branch code has 1 to 20 letters, digits, - or _, such as B001.")


class BranchNameError(FieldError):
    """The name of a branch is missing or too long."""

    code = "branch-name-invalid"
    message = N_("A branch name has 1 to 80 characters.")


class AlreadyJoinedError(BranchlineError):
    """A node has joined as this branch already."""

    code = "branch-already-joined"
    kind = Kind.CONFLICT
    message = N_("A node has already joined as branch %(branch)s; it keeps its key.")


class EnrolmentRefusedError(BranchlineError):
    """The one-time code is unknown, used or expired, or the proof of the key is wrong."""

    code = "code-refused"
    kind = Kind.FORBIDDEN
    message = N_("This enrolment code is unknown, used or expired; ask head office for a new one.")


class KeyNotFoundError(BranchlineError):
    """No key of this branch is in use, or none or several begin like that."""

    code = "key-not-found"
    kind = Kind.NOT_FOUND
    message = N_("Branch %(branch)s has no such key in use; give at least its first 8 digits.")


class KeyTakenError(BranchlineError):
    """The key was pinned before and cannot be announced as a new one."""

    code = "key-taken"
    kind = Kind.CONFLICT
    message = N_("This key has been used before; make a new one.")
