"""The columns of a contact person that both tiers store."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id, Json
from shared.db.personal import FieldClass, PersonalText, about, not_personal, personal
from shared.domain.contacts.vocabulary import ContactRole, ContactStanding, ContactStatus
from shared.domain.customers.vocabulary import PreferredChannel
from shared.domain.fields import Identified, Updated
from shared.domain.vocabulary import code_column


class ContactFields(Identified, Updated):
    """A person to speak to at a customer; `contact_no` is unique in its branch.

    `do_not_contact` names the channels that are closed; `birthday` is a day as 1980-03-09, or as 03-09.
    """

    contact_no: Mapped[str] = mapped_column(String(40), info=not_personal())
    customer_id: Mapped[str] = mapped_column(Id, info=about("customer"))
    name: Mapped[str] = mapped_column(String(80), info=personal(FieldClass.NAME))
    title: Mapped[str | None] = mapped_column(String(60), info=personal(FieldClass.FREE_TEXT))
    department: Mapped[str | None] = mapped_column(String(80), info=personal(FieldClass.FREE_TEXT))
    role: Mapped[ContactRole | None] = mapped_column(code_column(ContactRole))
    standing: Mapped[ContactStanding] = mapped_column(code_column(ContactStanding))
    mobile: Mapped[str | None] = mapped_column(
        PersonalText(30, FieldClass.MOBILE, "contact"), info=personal(FieldClass.MOBILE)
    )
    phone: Mapped[str | None] = mapped_column(
        PersonalText(30, FieldClass.PHONE, "contact"), info=personal(FieldClass.PHONE)
    )
    email: Mapped[str | None] = mapped_column(
        PersonalText(120, FieldClass.EMAIL, "contact"), info=personal(FieldClass.EMAIL)
    )
    wechat: Mapped[str | None] = mapped_column(
        PersonalText(60, FieldClass.WECHAT, "contact"), info=personal(FieldClass.WECHAT)
    )
    preferred_channel: Mapped[PreferredChannel | None] = mapped_column(code_column(PreferredChannel))
    do_not_contact: Mapped[list[str]] = mapped_column(Json, info=not_personal())
    birthday: Mapped[str | None] = mapped_column(String(10), info=personal(FieldClass.FREE_TEXT))
    remark: Mapped[str | None] = mapped_column(String(500), info=personal(FieldClass.FREE_TEXT))
    status: Mapped[ContactStatus] = mapped_column(code_column(ContactStatus))
