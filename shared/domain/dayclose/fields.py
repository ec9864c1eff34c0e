"""The columns of a day's manifest that both tiers store."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date
from sqlalchemy.orm import Mapped, mapped_column

from shared.domain.fields import Identified


class DayCloseFields(Identified):
    """One closed day of a branch: how many facts of each type were entered from `starts_at` to `ends_at`.

    `counts` is by record type; `totals` sums money in minor units by `currency/period/kind/product`.
    """

    day: Mapped[date] = mapped_column(Date)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    counts: Mapped[dict[str, Any]]
    totals: Mapped[dict[str, Any]]
    closed_at: Mapped[datetime]
