"""The columns of a customer that both tiers store."""

from datetime import date
from typing import Any

from sqlalchemy import Date, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id, Json
from shared.db.personal import FieldClass, PersonalText, not_personal, personal
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    LifecycleStage,
    ParentKind,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.domain.fields import Identified, Updated
from shared.domain.vocabulary import code_column


class CustomerFields(Identified, Updated):
    """A customer's profile; `customer_no` is the number people know, unique in its branch."""

    customer_no: Mapped[str] = mapped_column(String(40), info=not_personal())
    kind: Mapped[CustomerKind] = mapped_column(code_column(CustomerKind))
    name: Mapped[str] = mapped_column(String(120), info=personal(FieldClass.NAME))
    short_name: Mapped[str | None] = mapped_column(String(60), info=personal(FieldClass.NAME))
    id_type: Mapped[IdentityDocument | None] = mapped_column(code_column(IdentityDocument))
    id_no: Mapped[str | None] = mapped_column(
        PersonalText(40, FieldClass.IDENTITY_NUMBER, "customer"), info=personal(FieldClass.IDENTITY_NUMBER)
    )
    mobile: Mapped[str | None] = mapped_column(
        PersonalText(30, FieldClass.MOBILE, "customer"), info=personal(FieldClass.MOBILE)
    )
    phone: Mapped[str | None] = mapped_column(
        PersonalText(30, FieldClass.PHONE, "customer"), info=personal(FieldClass.PHONE)
    )
    email: Mapped[str | None] = mapped_column(
        PersonalText(120, FieldClass.EMAIL, "customer"), info=personal(FieldClass.EMAIL)
    )
    region_code: Mapped[str | None] = mapped_column(String(12), info=not_personal())
    address: Mapped[str | None] = mapped_column(
        PersonalText(200, FieldClass.ADDRESS, "customer"), info=personal(FieldClass.ADDRESS)
    )
    grade: Mapped[Grade | None] = mapped_column(code_column(Grade))
    status: Mapped[CustomerStatus] = mapped_column(code_column(CustomerStatus))
    opened_on: Mapped[date | None] = mapped_column(Date)
    manager_id: Mapped[str | None] = mapped_column(Id)
    preferred_channel: Mapped[PreferredChannel | None] = mapped_column(code_column(PreferredChannel))
    tags: Mapped[list[str]] = mapped_column(Json, info=personal(FieldClass.FREE_TEXT))
    attributes: Mapped[dict[str, Any]] = mapped_column(Json, info=personal(FieldClass.FREE_TEXT))
    remark: Mapped[str | None] = mapped_column(String(500), info=personal(FieldClass.FREE_TEXT))
    # Of later versions of the wire schema: behind all others, as there.
    wechat: Mapped[str | None] = mapped_column(
        PersonalText(60, FieldClass.WECHAT, "customer"), sort_order=99, info=personal(FieldClass.WECHAT)
    )
    # The group customer of this branch above this one, and the number (a credit code) that a group has company-wide.
    parent_id: Mapped[str | None] = mapped_column(Id, sort_order=99)
    parent_kind: Mapped[ParentKind | None] = mapped_column(code_column(ParentKind), sort_order=99)
    group_no: Mapped[str | None] = mapped_column(String(40), sort_order=99, info=not_personal())
    service_level: Mapped[ServiceLevel | None] = mapped_column(code_column(ServiceLevel), sort_order=99)
    do_not_contact: Mapped[list[str]] = mapped_column(
        Json, default=list, server_default="[]", sort_order=99, info=not_personal()
    )
    do_not_contact_until: Mapped[date | None] = mapped_column(Date, sort_order=99)
    lifecycle_stage: Mapped[LifecycleStage | None] = mapped_column(code_column(LifecycleStage), sort_order=99)
    value_tier: Mapped[ValueTier | None] = mapped_column(code_column(ValueTier), sort_order=99)
    legacy_no: Mapped[str | None] = mapped_column(String(40), sort_order=99, info=not_personal())
