"""Closed lists of qualification."""

from typing import Final

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class Occasion(Vocabulary):
    """Why a customer was judged."""

    APPLICATION = ("application", N_("Application"), "申请")
    RECHECK = ("recheck", N_("Re-check"), "复核")
    REVIEW = ("review", N_("Review"), "复评")


class JudgedAs(Vocabulary):
    """What the rules say."""

    PASSED = ("passed", N_("Passed"), "通过")
    FAILED = ("failed", N_("Not passed"), "不通过")


class QualificationState(Vocabulary):
    """What became of a judgement; the approved or expired one of a customer is the one in force."""

    PROPOSED = ("proposed", N_("Proposed"), "待审批")
    APPROVED = ("approved", N_("Approved"), "已批准")
    REFUSED = ("refused", N_("Not approved"), "已驳回")
    SUPERSEDED = ("superseded", N_("Superseded"), "已被取代")
    EXPIRED = ("expired", N_("Expired"), "已过期")


# A customer has at most one of these: where it stands.
STANDING: Final = (QualificationState.APPROVED, QualificationState.EXPIRED)
