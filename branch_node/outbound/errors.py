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


class HistoryError(BranchlineError):
    """HQ holds another history of this branch than this node does; sending on would do harm."""

    code = "history-differs"
    kind = Kind.CONFLICT
    message = N_(
        "Head office holds another history of channel %(channel)s than this node (%(detail)s). Sending has stopped "
        "and nothing is lost; a person must decide whether this node was restored or copied."
    )
