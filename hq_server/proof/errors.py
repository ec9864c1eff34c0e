"""What can be wrong with a question to a branch."""

from shared.errors import N_, FieldError


class ResendReasonError(FieldError):
    """There is no reason, or one too long."""

    code = "resend-reason"
    message = N_("Say why in %(least)s to %(most)s characters.")
