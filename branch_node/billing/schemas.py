"""What a person may write when correcting a bill line."""

from marshmallow import EXCLUDE, Schema

from shared.domain.form_fields import Parsed, amount, text


class CorrectionForm(Schema):
    """The right amount, and why."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    right = Parsed(amount, required=True)
    seen = Parsed(int, required=True)
    remark = Parsed(text(500), required=True)
