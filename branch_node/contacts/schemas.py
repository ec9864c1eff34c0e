"""What a person may write into the form of a contact person."""

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from branch_node.customers.schemas import closed_channels, mail, mobile, phone
from shared.domain.contacts.rules import normal_birthday
from shared.domain.contacts.vocabulary import ContactRole, ContactStanding, ContactStatus
from shared.domain.customers.vocabulary import PreferredChannel
from shared.domain.form_fields import Parsed, choice, text
from shared.errors import N_


def _birthday(given: str) -> str:
    day = normal_birthday(given)
    if day is None:
        raise ValidationError(N_("Please give a birthday as 03-09, or with the year as 1980-03-09."))
    return day


class ContactForm(Schema):
    """A contact person as the form gives them; the names are the columns'."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    contact_no = Parsed(text(40))
    name = Parsed(text(80), required=True)
    title = Parsed(text(60))
    department = Parsed(text(80))
    role = Parsed(choice(ContactRole))
    standing = Parsed(choice(ContactStanding), required=True)
    mobile = Parsed(mobile)
    phone = Parsed(phone)
    email = Parsed(mail)
    wechat = Parsed(text(60))
    preferred_channel = Parsed(choice(PreferredChannel))
    do_not_contact = fields.Function(deserialize=closed_channels, load_default=list)
    birthday = Parsed(_birthday)
    remark = Parsed(text(500, lines=True))
    status = Parsed(choice(ContactStatus), required=True)
