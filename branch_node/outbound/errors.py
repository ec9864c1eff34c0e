"""What can go wrong with this node's membership and its cycles."""

from shared.errors import N_, BranchlineError, Kind


class NotJoinedError(BranchlineError):
    """This node is not a branch yet."""

    code = "not-joined"
    kind = Kind.CONFLICT
    message = N_("This node has not joined head office yet; run `branch-node join`.")


class AlreadyMemberError(BranchlineError):
    """This node is a branch already."""

    code = "already-joined"
    kind = Kind.CONFLICT
    message = N_("This node is already branch %(branch)s.")
