"""When what a file says counts as stale, and what in it contradicts something else: limits and checks are data.

Head office publishes both as policies. A field is as old as its last change or the last time somebody confirmed it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.customers.vocabulary import Grade
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_

MOST_MONTHS: Final = 600
STALE_REACH: Final = "stale-reach-months"
STALE_PLACE: Final = "stale-place-months"
STALE_IDENTITY: Final = "stale-identity-months"
STALE_CARE: Final = "stale-care-months"
CONFLICT_CHECKS: Final = "conflict-checks"
UPKEEP_POLICIES: Final = (STALE_REACH, STALE_PLACE, STALE_IDENTITY, STALE_CARE, CONFLICT_CHECKS)

# The fields of each class, and after how many months one is stale for grades A to D until head office says otherwise.
CLASSES: Final[Mapping[str, tuple[Sequence[str], Sequence[int]]]] = {
    STALE_REACH: (("mobile", "phone", "email", "wechat"), (12, 18, 24, 36)),
    STALE_PLACE: (("region_code", "address"), (18, 24, 36, 48)),
    STALE_IDENTITY: (("id_no",), (24, 36, 48, 60)),
    STALE_CARE: (("preferred_channel",), (12, 18, 24, 36)),
}
WATCHED: Final = tuple(field for fields, _months in CLASSES.values() for field in fields)
# What else a contradiction may rest on: nobody confirms it, but when it changed has to be known.
FOLLOWED: Final = (*WATCHED, "do_not_contact")


class Conflict(Vocabulary):
    """What in a file contradicts something else."""

    SAME_NUMBER = ("same-number", N_("Another customer has the same number"), "号码与其他客户相同")
    CHANNEL_CLOSED = ("channel-closed", N_("The preferred channel is closed"), "偏好渠道已关闭")
    CHANNEL_MISSING = (
        "channel-missing",
        N_("Nothing is known to reach them by the preferred channel"),
        "偏好渠道没有联系方式",
    )
    CONTACT_DIFFERS = (
        "contact-differs",
        N_("The contact person of the same name has another number"),
        "同名联系人的号码不一致",
    )
    REGION_ADDRESS = ("region-address", N_("The address lies in another province"), "地址与所属地区不符")


class UpkeepKind(Vocabulary):
    """What a field is flagged as."""

    STALE = ("stale", N_("Stale"), "过时信息")
    CONFLICT = ("conflict", N_("Conflicting"), "冲突信息")


@dataclass(frozen=True, slots=True)
class Limits:
    """After how many months each field is stale, by grade (None: without one), and what contradictions count."""

    months: Mapping[str, Mapping[Grade | None, int]]
    checks: frozenset[Conflict]


def limits_of(published: Mapping[str, Any]) -> Limits:
    """Return the limits by the policies in force; who has no grade is asked as seldom as grade D."""
    months: dict[str, Mapping[Grade | None, int]] = {}
    for policy, (fields, usual) in CLASSES.items():
        numbers = published.get(policy, usual)
        by_grade: dict[Grade | None, int] = dict(zip(Grade, numbers, strict=True))
        by_grade[None] = numbers[-1]
        months.update(dict.fromkeys(fields, by_grade))
    chosen = published.get(CONFLICT_CHECKS, [one.value for one in Conflict])
    return Limits(months, frozenset(one for one in Conflict if one.value in chosen))
