"""Closed lists of the organisation."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class StaffState(Vocabulary):
    """Whether a person may sign in."""

    ACTIVE = ("active", N_("can sign in"), "可登录")
    WAITING = ("waiting", N_("waiting for the first sign-in"), "等待首次登录")
    DISABLED = ("disabled", N_("disabled"), "已停用")
