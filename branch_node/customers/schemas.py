"""What a person may write into a customer's form."""

import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validates_schema
from marshmallow.validate import Email

from shared.domain.contacts.rules import CHANNELS, normal_closed
from shared.domain.contacts.vocabulary import Channel
from shared.domain.customers.rules import (
    document_problem,
    misfit_problem,
    normal_document_no,
    normal_mobile,
    normal_phone,
)
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    LifecycleStage,
    MoveOf,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.domain.form_fields import NOT_LISTED, Parsed, choice, day, record_id, text
from shared.domain.regions import find_region, search_regions
from shared.errors import N_

REASON_LENGTH: Final = 200
MOST_TAGS: Final = 20
MOST_TAG_LENGTH: Final = 30
PHONE_LENGTH: Final = 30
# A form names where a customer moves as `stage:growth` or `tier:high`.
GOALS: Final[dict[str, LifecycleStage | ValueTier]] = {
    f"{what.value}:{one.value}": one
    for what, of in ((MoveOf.STAGE, LifecycleStage), (MoveOf.TIER, ValueTier))
    for one in of
}
_SEPARATORS: Final = ";；、,，\n"
_is_mail = Email(error=N_("This is not an e-mail address."))


def mobile(given: str) -> str:
    """Read a mobile number."""
    number = normal_mobile(given)
    if number is None:
        raise ValidationError(N_("This is not a mobile number: 11 digits, or + and the country's code."))
    return number


def phone(given: str) -> str:
    """Read any telephone number."""
    number = normal_phone(given)
    if number is None or len(number) > PHONE_LENGTH:
        raise ValidationError(N_("This is not a telephone number. Write it as 0571-88880000."))
    return number


def mail(given: str) -> str:
    """Read an e-mail address."""
    address = text(120)(given)
    _is_mail(address)
    return address


def region_code(given: str) -> str:
    """Return the code that a GB/T 2260 code, or a name that only one region has, stands for."""
    plain = unicodedata.normalize("NFKC", given).strip()
    code = plain.split()[0]
    if code.isdigit():
        if find_region(code) is None:
            raise ValidationError(N_("There is no region with this code (GB/T 2260)."))
        return code[:12]
    hits = search_regions(plain)
    if not hits:
        raise ValidationError(N_("There is no region of this name. Give its code or choose from the list."))
    meant = [hit for hit in hits if plain in {hit.name, hit.full_name}] or hits
    if len(meant) > 1:
        raise ValidationError(N_("Several regions are called so. Give the code or choose from the list."))
    return meant[0].code


def split_tags(given: str) -> list[str]:
    """Return the tags of a text, each once; raises ValidationError when they are too many or too long."""
    plain = unicodedata.normalize("NFC", given)
    for separator in _SEPARATORS[1:]:
        plain = plain.replace(separator, _SEPARATORS[0])
    words = (" ".join(part.split()) for part in plain.split(_SEPARATORS[0]))
    tags = list(dict.fromkeys(word for word in words if word))
    if len(tags) > MOST_TAGS or any(len(tag) > MOST_TAG_LENGTH for tag in tags):
        raise ValidationError(N_("At most 20 tags of 30 characters each."))
    return tags


def closed_channels(given: Sequence[str]) -> list[str]:
    """Read the channels that were marked as closed."""
    if set(given) - {one.value for one in (*CHANNELS, Channel.ALL)}:
        raise ValidationError(NOT_LISTED)
    return normal_closed(given)


def _group_no(given: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text(40)(given)).split()).upper()


class CustomerForm(Schema):
    """A customer's profile as the form gives it; the names are the columns'."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    customer_no = Parsed(text(40), required=True)
    kind = Parsed(choice(CustomerKind), required=True)
    name = Parsed(text(120), required=True)
    short_name = Parsed(text(60))
    id_type = Parsed(choice(IdentityDocument))
    id_no = Parsed(text(40))
    mobile = Parsed(mobile)
    phone = Parsed(phone)
    email = Parsed(mail)
    wechat = Parsed(text(60))
    region_code = Parsed(region_code)
    address = Parsed(text(200))
    grade = Parsed(choice(Grade))
    status = Parsed(choice(CustomerStatus), required=True)
    opened_on = Parsed(day)
    manager_id = Parsed(record_id)
    preferred_channel = Parsed(choice(PreferredChannel))
    group_no = Parsed(_group_no)
    service_level = Parsed(choice(ServiceLevel))
    do_not_contact = fields.Function(deserialize=closed_channels, load_default=list)
    do_not_contact_until = Parsed(day)
    legacy_no = Parsed(text(40))
    tags = fields.Function(deserialize=lambda given: split_tags(str(given)), load_default=list)
    remark = Parsed(text(500, lines=True))

    @pre_load
    def spell_document(self, data: dict[str, Any], **_settings: object) -> dict[str, Any]:
        """Identity numbers are written without spaces and with capitals."""
        return {**data, "id_no": normal_document_no(str(data.get("id_no") or ""))}

    @validates_schema(skip_on_field_errors=False)
    def check_fit(self, data: dict[str, Any], **_settings: object) -> None:
        """Refuse a person's paper for an organisation and the other way round."""
        if problem := misfit_problem(data.get("kind"), data.get("id_type")):
            raise ValidationError(problem, "id_type")

    @validates_schema(skip_on_field_errors=False)
    def check_document(self, data: dict[str, Any], **_settings: object) -> None:
        """Refuse a document number that its own check digit contradicts."""
        kind, number = data.get("id_type"), data.get("id_no")
        if not number or "id_type" not in data:
            return
        if not kind:
            raise ValidationError(N_("Say which document this number is of."), "id_type")
        if problem := document_problem(kind, number):
            raise ValidationError(problem, "id_no")


def goal(given: str) -> LifecycleStage | ValueTier:
    """Read where a customer moves."""
    if given.strip() not in GOALS:
        raise ValidationError(NOT_LISTED)
    return GOALS[given.strip()]


class MoveForm(Schema):
    """To which stage or tier a customer moves, on which day and why."""

    class Meta:
        """What else the form holds is not the move's."""

        unknown = EXCLUDE

    to = Parsed(goal, required=True)
    on = Parsed(day, required=True)
    reason = Parsed(text(REASON_LENGTH), required=True)
