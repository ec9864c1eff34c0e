"""What a person may write into the forms of tracked units."""

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, validates_schema

from shared.domain.form_fields import REQUIRED, TOO_LONG, Parsed, amount, choice, day, text
from shared.domain.units.fields import SERIAL_LENGTH, TEXT_LENGTH, WHY_LENGTH
from shared.domain.units.rules import day_problem, normal_serial
from shared.domain.units.vocabulary import ReadingUnit, UnitEventKind, UnitStatus
from shared.errors import N_

NOT_A_READING = N_("Please give the reading as a whole number, such as 25000.")
_MOST_READING = 2**31 - 2


def _serial(given: str) -> str:
    serial = normal_serial(text(SERIAL_LENGTH * 2)(given))
    if not serial:
        raise ValidationError(REQUIRED)
    if len(serial) > SERIAL_LENGTH:
        raise ValidationError(TOO_LONG)
    return serial


def _reading(given: str) -> int:
    plain = normal_serial(given).replace(",", "")
    if not (plain.isascii() and plain.isdigit()) or len(plain) > len(str(_MOST_READING)):
        raise ValidationError(NOT_A_READING)
    if int(plain) > _MOST_READING:
        raise ValidationError(NOT_A_READING)
    return int(plain)


class UnitForm(Schema):
    """A unit as the form gives it; the names are the columns'."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    serial_no = Parsed(_serial, required=True)
    product = Parsed(text(60))
    model = Parsed(text(60))
    reading_unit = Parsed(choice(ReadingUnit))
    made_on = Parsed(day)
    sold_on = Parsed(day)
    warranty_until = Parsed(day)
    status = Parsed(choice(UnitStatus), required=True)
    remark = Parsed(text(TEXT_LENGTH, lines=True))

    @validates_schema
    def check_days(self, data: dict[str, Any], **_settings: object) -> None:
        """Refuse days that cannot stand together."""
        days = (data.get(name) for name in ("made_on", "sold_on", "warranty_until"))
        if found := day_problem(*days):
            column, why = found
            raise ValidationError(why, column)


class EventForm(Schema):
    """What happened with a unit, as the form gives it; `customer` is still a text."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    kind = Parsed(choice(UnitEventKind), required=True)
    happened_on = Parsed(day, required=True)
    customer = Parsed(text(200))
    reading = Parsed(_reading)
    reading_reason = Parsed(text(WHY_LENGTH))
    cost_minor = Parsed(amount)
    done_by = Parsed(text(80))
    recall_no = Parsed(text(40))
    text = Parsed(text(TEXT_LENGTH, lines=True))


class OwnerForm(Schema):
    """Since when a new unit is whose."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    customer = Parsed(text(200))
    since = Parsed(day)
