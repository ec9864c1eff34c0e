"""Closed lists of the account manager's file."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class ManagerStatus(Vocabulary):
    """Whether the account manager works with us now."""

    ACTIVE = ("active", N_("At work"), "在岗")
    ON_LEAVE = ("on_leave", N_("On leave"), "休假")
    LEFT = ("left", N_("Left"), "离职")
