"""The columns of an identity link that both tiers store."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.domain.fields import Identified


class CustomerIdentityFields(Identified):
    """That a customer is, whatever its own number, the one called `identity_id`; without a link it is itself.

    `identity_id` is another customer of the branch, or one day an identity that head office names. What hangs on the
    customer stays there: who counts or sums by person groups by the identity.
    """

    customer_id: Mapped[str] = mapped_column(Id)
    identity_id: Mapped[str] = mapped_column(Id)
    merged_at: Mapped[datetime]
    merged_by: Mapped[str] = mapped_column(String(80))
