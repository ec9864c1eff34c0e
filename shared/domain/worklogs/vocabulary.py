"""Closed lists of the work log."""

from typing import Final

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class WorkLogKind(Vocabulary):
    """What kind of work an entry tells of."""

    VISIT = ("visit", N_("Visit"), "走访")
    CALL = ("call", N_("Call"), "电话联系")
    MESSAGE = ("message", N_("Message"), "信息联系")
    SERVICE = ("service", N_("Service"), "服务")
    MEETING = ("meeting", N_("Meeting"), "会议")
    TRAINING = ("training", N_("Training"), "培训")
    OTHER = ("other", N_("Other work"), "其他")


# The kinds of work in which a customer was spoken to; the monthly statistics count them as contacts.
CONTACT_KINDS: Final = (WorkLogKind.VISIT, WorkLogKind.CALL, WorkLogKind.MESSAGE, WorkLogKind.SERVICE)
