"""Why a sign-in, a password or a user was refused."""

from shared.errors import N_, BranchlineError, FieldError, Kind


class SignInRequiredError(BranchlineError):
    """Nobody is signed in."""

    code = "sign-in-required"
    kind = Kind.UNAUTHENTICATED
    message = N_("Please sign in first.")


class SignInRefusedError(BranchlineError):
    """Deliberately the same for a wrong name, a wrong password and a disabled user."""

    code = "sign-in-refused"
    kind = Kind.UNAUTHENTICATED
    message = N_("The user name or the password is not right. After several tries you have to wait a little.")


class TooManyAttemptsError(BranchlineError):
    """Too many wrong tries; it clears up by waiting."""

    code = "too-many-attempts"
    kind = Kind.TOO_MANY
    message = N_("Too many wrong tries. Please try again in %(retry_after)s seconds.")
    retryable = True


class CodeRefusedError(BranchlineError):
    """Deliberately the same for a wrong, a used and an expired code."""

    code = "code-refused"
    kind = Kind.UNAUTHENTICATED
    message = N_(
        "The user name or the one-time code is not right, or the code was used or has expired. "
        "An administrator can give you a new one."
    )


class WeakPasswordError(FieldError):
    """The password would not keep anybody out."""

    code = "weak-password"
    message = N_("%(reason)s")


class WrongPasswordError(FieldError):
    """The present password, asked for before a change, is not right."""

    code = "wrong-password"
    message = N_("This is not your present password.")


class UsernameError(FieldError):
    """The user name cannot be used."""

    code = "username-invalid"
    message = N_(
        "A user name has 2 to 40 letters or digits; dot, hyphen, underscore and @ may stand between."
    )


class UsernameTakenError(FieldError):
    """Somebody has this user name."""

    code = "username-taken"
    kind = Kind.CONFLICT
    message = N_("The user name %(username)s is taken.")


class PersonNameError(FieldError):
    """A person has no name."""

    code = "name-missing"
    message = N_("Please give the person's name, at most 80 characters.")


class UserNotFoundError(BranchlineError):
    """There is no such user."""

    code = "user-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no user %(user)s.")


class LastAdministratorError(BranchlineError):
    """Nobody would be left who can let people in."""

    code = "last-administrator"
    kind = Kind.CONFLICT
    message = N_("This is the last administrator who can sign in. Make somebody else administrator first.")
