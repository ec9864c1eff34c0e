"""Orders of head office to one branch about one customer's personal data, as they travel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_
from shared.ids import is_id

LEAST_REASON: Final = 3
MOST_REASON: Final = 500
UNKNOWN: Final = N_("This order is not known to this version of the program.")
NOT_WHOLE: Final = N_("This order does not say whom it is about, why, or who gave it.")


class OrderKind(Vocabulary):
    """What head office orders."""

    HOLD = ("hold", N_("Place a legal hold"), "设置法律保全")
    RELEASE = ("release", N_("Release a legal hold"), "解除法律保全")
    ERASE = ("erase", N_("Erase a customer"), "清除客户")


@dataclass(frozen=True, slots=True)
class Order:
    """One order; `hold_id` is the hold a release is about, `ends_on` the last day of a hold."""

    kind: OrderKind
    customer_id: str
    reason: str
    by: str
    ends_on: date | None = None
    hold_id: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the order as it travels."""
        said: dict[str, Any] = {
            "order": self.kind.value,
            "customer_id": self.customer_id,
            "reason": self.reason,
            "by": self.by,
        }
        if self.ends_on is not None:
            said["ends_on"] = self.ends_on.isoformat()
        if self.hold_id is not None:
            said["hold_id"] = self.hold_id
        return said


def read_order(body: Mapping[str, Any]) -> Order:
    """Return the order of a body that `problem_of` finds good."""
    ends_on = body.get("ends_on")
    return Order(
        kind=next(kind for kind in OrderKind if kind.value == body["order"]),
        customer_id=body["customer_id"],
        reason=body["reason"],
        by=body["by"],
        ends_on=date.fromisoformat(ends_on) if ends_on else None,
        hold_id=body.get("hold_id"),
    )


def problem_of(body: Mapping[str, Any]) -> str | None:
    """Return what is wrong with an order, as a msgid, or None."""
    if body.get("order") not in {kind.value for kind in OrderKind}:
        return UNKNOWN
    texts = _is_text(body.get("reason"), LEAST_REASON, MOST_REASON) and _is_text(body.get("by"), 1, 80)
    about = [body.get("customer_id")] + ([body.get("hold_id")] if body["order"] == OrderKind.RELEASE else [])
    named = all(isinstance(one, str) and is_id(one) for one in about)
    return None if texts and named and _is_day(body.get("ends_on")) else NOT_WHOLE


def _is_text(value: object, least: int, most: int) -> bool:
    return isinstance(value, str) and least <= len(value) <= most


def _is_day(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and bool(date.fromisoformat(value)))
    except ValueError:
        return False
