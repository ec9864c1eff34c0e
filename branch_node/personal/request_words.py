"""Closed lists of what people ask about their data."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class RequestKind(Vocabulary):
    """What a person asks for."""

    ACCESS = "access", N_("A copy of their data"), "查阅、复制"
    CORRECTION = "correction", N_("Correction"), "更正、补充"
    ERASURE = "erasure", N_("Erasure"), "删除"


class IdentityCheck(Vocabulary):
    """How we know that it is the person who asks."""

    DOCUMENT = "document", N_("Identity document seen"), "核验身份证件"
    KNOWN = "known", N_("Known in person"), "当面熟识"
    CALLED_BACK = "called_back", N_("Called back on the known number"), "回拨登记号码"
    AUTHORITY = "authority", N_("Written authority seen"), "核验授权书"
    HEAD_OFFICE = "head_office", N_("Checked by head office"), "总公司已核验"


class RequestState(Vocabulary):
    """How a request stands."""

    OPEN = "open", N_("open"), "待处理"
    DONE = "done", N_("carried out"), "已办结"
    REFUSED = "refused", N_("refused"), "已拒绝"
