"""Closed lists of what people ask about their data, which both tiers show."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class RequestKind(Vocabulary):
    """What a person asks for."""

    ACCESS = "access", N_("A copy of their data"), "查阅、复制"
    CORRECTION = "correction", N_("Correction"), "更正、补充"
    ERASURE = "erasure", N_("Erasure"), "删除"


class RequestState(Vocabulary):
    """How a request stands."""

    OPEN = "open", N_("unanswered"), "待处理"
    DONE = "done", N_("fulfilled"), "已办结"
    REFUSED = "refused", N_("refused"), "已拒绝"
