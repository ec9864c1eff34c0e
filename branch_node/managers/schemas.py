"""What a person may write into an account manager's form."""

from marshmallow import EXCLUDE, Schema, ValidationError

from shared.domain.customers.rules import normal_mobile
from shared.domain.form_fields import Parsed, choice, text
from shared.domain.managers.vocabulary import ManagerStatus
from shared.errors import N_


def _mobile(given: str) -> str:
    number = normal_mobile(given)
    if number is None:
        raise ValidationError(N_("This is not a mobile number: 11 digits, or + and the country's code."))
    return number


class ManagerForm(Schema):
    """An account manager's file as the form gives it; the names are the columns'."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    manager_no = Parsed(text(40), required=True)
    name = Parsed(text(80), required=True)
    post = Parsed(text(60))
    level = Parsed(text(30))
    department = Parsed(text(80))
    mobile = Parsed(_mobile)
    status = Parsed(choice(ManagerStatus), required=True)
