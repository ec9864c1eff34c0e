"""What a person may write when correcting a bill line."""

from typing import Final

from marshmallow import EXCLUDE, Schema

from shared.domain.form_fields import Parsed, amount, text, whole

REMARK_LENGTH: Final = 500


class CorrectionForm(Schema):
    """The right amount, and why: in the person's words, or as one of head office's reasons with more if need be."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    right = Parsed(amount, required=True)
    seen = Parsed(whole, required=True)
    reason = Parsed(text(60))
    remark = Parsed(text(REMARK_LENGTH))
