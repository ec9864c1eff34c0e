"""Closed lists of tracked units."""

from typing import Final

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class UnitStatus(Vocabulary):
    """Whether the unit is still about; the number of one that is not may be given to another."""

    IN_USE = ("in_use", N_("In use"), "使用中")
    RETIRED = ("retired", N_("Retired"), "已报废")


class ReadingUnit(Vocabulary):
    """What the meter of a unit counts."""

    KILOMETRES = ("km", N_("Kilometres"), "公里")
    HOURS = ("hour", N_("Hours of use"), "小时")
    CYCLES = ("cycle", N_("Cycles"), "次")


class UnitEventKind(Vocabulary):
    """What happened with a unit; VOID takes back what it corrects, which never happened."""

    OWNER = ("owner", N_("Came to an owner"), "归属客户")
    RETURNED = ("returned", N_("Taken back from its owner"), "收回")
    REPAIR = ("repair", N_("Repair"), "维修")
    COMPLAINT = ("complaint", N_("Complaint"), "投诉")
    INSPECTION = ("inspection", N_("Inspection"), "检查")
    RECALL_DONE = ("recall_done", N_("Recall carried out"), "召回已处理")
    VOID = ("void", N_("Taken back: it never happened"), "作废")


# What says whose a unit is from a day on.
OWNING: Final = (UnitEventKind.OWNER, UnitEventKind.RETURNED)
# What people write down beside it.
SERVICE: Final = (
    UnitEventKind.REPAIR,
    UnitEventKind.COMPLAINT,
    UnitEventKind.INSPECTION,
    UnitEventKind.RECALL_DONE,
)
