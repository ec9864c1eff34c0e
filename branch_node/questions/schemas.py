"""What a person may write about an answer."""

from marshmallow import EXCLUDE, Schema

from shared.domain.form_fields import Parsed, choice, day, record_id, text
from shared.domain.questions.fields import NOTE_LENGTH
from shared.domain.questions.rules import CHOICE_LENGTH, CODE_LENGTH
from shared.domain.questions.vocabulary import Way


class CorrectionForm(Schema):
    """The right version of what was answered."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    answer = Parsed(text(CHOICE_LENGTH), required=True)
    person_id = Parsed(record_id)
    way = Parsed(choice(Way), required=True)
    answered_on = Parsed(day, required=True)
    note = Parsed(text(NOTE_LENGTH))


class AnswerForm(CorrectionForm):
    """What was answered to which question."""

    question = Parsed(text(CODE_LENGTH), required=True)


class WhyForm(Schema):
    """Why an answer is taken back."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    note = Parsed(text(NOTE_LENGTH))
