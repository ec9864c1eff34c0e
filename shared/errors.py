"""What can go wrong, said once: a stable code, a kind that entry points turn into a status, a sentence for people."""

from enum import StrEnum
from typing import ClassVar


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "mark, translate later"
    """Mark `text` for translation; the entry point translates it into the reader's language."""
    return text


class Kind(StrEnum):
    """What an error means to whoever asked; each entry point has one answer for each kind."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"


class BranchlineError(Exception):
    """Base of every anticipated error.

    `code` is stable and documented; `message` is an English msgid that may name `params`
    in `%(name)s` form; `retryable` says whether the same request may succeed later by itself.
    """

    code: ClassVar[str] = "error"
    kind: ClassVar[Kind] = Kind.INVALID
    message: ClassVar[str] = N_("The request could not be carried out.")
    retryable: ClassVar[bool] = False

    def __init__(self, **params: object) -> None:
        """Keep `params` for the message and for machines."""
        super().__init__(params)
        self.params = params

    def __str__(self) -> str:
        """Return the English sentence, for logs."""
        return self.message % self.params if self.params else self.message


class FieldError(BranchlineError):
    """One field of what a person or a file gave is not acceptable; `params["field"]` names it."""

    code = "field-invalid"
    message = N_("%(field)s is not acceptable.")


class SetupError(BranchlineError):
    """The node cannot start as it is configured; a person has to change something."""

    code = "setup"
    message = N_("This node is not set up correctly: %(problem)s")
