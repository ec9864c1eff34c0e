"""Closed lists of duplicates."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class PairState(Vocabulary):
    """What people have said of two files that look like one customer."""

    OPEN = ("open", N_("to be decided"), "待判定")
    LATER = ("later", N_("put off"), "稍后判定")
    DIFFERENT = ("different", N_("not the same"), "不是同一客户")
    SAME = ("same", N_("the same"), "同一客户")
