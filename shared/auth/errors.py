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


class PasswordShortError(WeakPasswordError):
    """The password is shorter than it has to be here."""

    message = N_("A password has at least %(least)s characters.")


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


class SessionNotFoundError(BranchlineError):
    """The session is over, or it is somebody else's."""

    code = "session-not-found"
    kind = Kind.NOT_FOUND
    message = N_("This session is over already.")


class SealBrokenError(BranchlineError):
    """A sealed secret does not open: its key file is another, or its bytes were changed."""

    code = "seal-broken"
    kind = Kind.CONFLICT
    message = N_(
        "The second step of this account cannot be read with this node's key file. "
        "Put keys/second-step.key back from a backup, or have the second step reset."
    )


class SecondStepRequiredError(BranchlineError):
    """What was asked for needs a second step that was proven just now."""

    code = "second-step-required"
    kind = Kind.UNAUTHENTICATED
    message = N_("This needs the code of your authenticator first.")


class StepCodeRefusedError(FieldError):
    """Deliberately the same for a wrong, a used and an expired code."""

    code = "step-code-refused"
    message = N_("This code is not right, or it was used already. Wait for the next one and try again.")


class SecondStepNotBegunError(BranchlineError):
    """Nobody has begun to set up this second step."""

    code = "second-step-not-begun"
    kind = Kind.CONFLICT
    message = N_("Please begin to set up the second step again.")


class SecondStepPresentError(BranchlineError):
    """There is a second step already."""

    code = "second-step-present"
    kind = Kind.CONFLICT
    message = N_("The second step is set up already.")


class OwnSecondStepError(BranchlineError):
    """Nobody resets their own second step."""

    code = "own-second-step"
    kind = Kind.FORBIDDEN
    message = N_("You cannot reset your own second step; another administrator can.")


class OwnRightsError(BranchlineError):
    """Nobody changes their own rights."""

    code = "own-rights"
    kind = Kind.FORBIDDEN
    message = N_("You cannot change your own kind, duties, range or account. Somebody else has to.")


class RightsRefusedError(BranchlineError):
    """Only the business grants duties and ranges."""

    code = "rights-refused"
    kind = Kind.FORBIDDEN
    message = N_("Duties and data ranges are granted by a branch manager, or by a manager at head office.")


class RangeTooWideError(FieldError):
    """The kind may not have this range."""

    code = "range-too-wide"
    message = N_("People of this kind cannot have this data range.")


class BranchesTooManyError(FieldError):
    """Somebody limited to some branches would give access to others."""

    code = "branches-too-many"
    message = N_("You see some branches only. Choose from those.")


class DutyNotOpenError(FieldError):
    """The duty would open nothing for this kind."""

    code = "duty-not-open"
    message = N_("People of this kind cannot have this duty.")


class SecretRefusedError(BranchlineError):
    """The key is not one an authenticator knows."""

    code = "secret-refused"
    message = N_("The key for an authenticator is base 32, at least 16 characters.")


class WitnessesRefusedError(BranchlineError):
    """Deliberately the same for a wrong name or password, a disabled account, another kind, and one person twice."""

    code = "two-administrators"
    kind = Kind.FORBIDDEN
    message = N_(
        "This takes two different administrators of the backup, each with their password as it was then. At least one "
        "was not accepted; nothing was changed."
    )


class TokenNameError(FieldError):
    """Nobody would know which program an interface is for."""

    code = "interface-name"
    message = N_("Say in 1 to %(most)s characters which program this interface is for.")


class TokenDaysError(FieldError):
    """An interface lives for a number of days."""

    code = "interface-days"
    message = N_("An interface lives for 1 to %(most)s days.")


class TokenScopesError(FieldError):
    """An interface may do part of what its owner may, and something."""

    code = "interface-rights"
    message = N_("Choose at least one right, and none that you do not have yourself.")


class TooManyTokensError(BranchlineError):
    """Somebody has more interfaces than they can keep an eye on."""

    code = "interfaces-too-many"
    kind = Kind.CONFLICT
    message = N_("You have %(most)s interfaces already. Revoke one that is not needed any more.")


class TokenNotFoundError(BranchlineError):
    """There is no such interface, or it is somebody else's."""

    code = "interface-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such interface.")


class TokenRequiredError(BranchlineError):
    """A program showed no token, or one that opens nothing here."""

    code = "token-required"
    kind = Kind.UNAUTHENTICATED
    message = N_(
        "Send the token of an interface as Authorization: Bearer. This one is missing, over or revoked."
    )
