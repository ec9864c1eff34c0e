"""What a person may write about an offer."""

from marshmallow import EXCLUDE, Schema, ValidationError

from shared.domain.form_fields import NOT_LISTED, Parsed, choice, day, text
from shared.domain.offers.fields import REASON_LENGTH
from shared.domain.offers.rules import CODE_LENGTH
from shared.domain.offers.vocabulary import STEPS, OfferStep


def step(given: str) -> OfferStep:
    """Read what became of an offer; that it never happened is said in another way."""
    found = choice(OfferStep)(given)
    if found not in STEPS:
        raise ValidationError(NOT_LISTED)
    return found


class CorrectionForm(Schema):
    """The right version of what became of an offer."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    step = Parsed(step, required=True)
    happened_on = Parsed(day, required=True)
    reason = Parsed(text(REASON_LENGTH))


class AnswerForm(CorrectionForm):
    """What became of which offer."""

    offer = Parsed(text(CODE_LENGTH), required=True)


class WhyForm(Schema):
    """Why an entry is taken back."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    reason = Parsed(text(REASON_LENGTH))
