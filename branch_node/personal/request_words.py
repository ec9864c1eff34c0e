"""Closed lists of what people ask about their data that stay at the branch."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class IdentityCheck(Vocabulary):
    """How we know that it is the person who asks."""

    DOCUMENT = "document", N_("Identity document seen"), "核验身份证件"
    KNOWN = "known", N_("Known in person"), "当面熟识"
    CALLED_BACK = "called_back", N_("Called back on the known number"), "回拨登记号码"
    AUTHORITY = "authority", N_("Written authority seen"), "核验授权书"
    HEAD_OFFICE = "head_office", N_("Checked by head office"), "总公司已核验"
