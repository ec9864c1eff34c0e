"""What is sent to and answered about questions by the branch's interface for programs."""

from marshmallow import Schema, fields

from branch_node.api.schemas import TEXT, Sent
from branch_node.api.schemas import code as code_of
from shared.domain.contacts.vocabulary import Channel
from shared.domain.questions.vocabulary import Indicator, Scale, Way


class Said(Schema):
    """Something that may be answered, with its words; of scores between 1 and 5 there are none."""

    answer = fields.String(required=True)
    zh = fields.String(allow_none=True)
    en = fields.String(allow_none=True)


class Question(Schema):
    """A question that a customer is asked today, and what they answered to it last.

    `closed` are the channels by which the customer is not to be contacted: look before you ask.
    """

    code = fields.String(required=True)
    version = fields.Integer(required=True)
    indicator = code_of(Indicator, required=True)
    scale = code_of(Scale, required=True)
    zh = fields.String(required=True)
    en = fields.String(required=True)
    answers = fields.List(fields.Nested(Said), required=True)
    begins = fields.Date(required=True)
    ends = fields.Date(allow_none=True)
    last = fields.String(allow_none=True)
    closed = fields.List(code_of(Channel), required=True)


class QuestionAnswer(Schema):
    """What was answered. One that another corrects, or took back, counts no more and stays readable."""

    id = fields.String(required=True)
    customer_id = fields.String(required=True)
    person_id = fields.String(allow_none=True)
    question = fields.String(required=True, attribute="question_code")
    version = fields.Integer(required=True, attribute="question_version")
    indicator = code_of(Indicator, required=True)
    answer = fields.String(allow_none=True)
    counts = fields.Boolean(required=True)
    way = code_of(Way, required=True)
    answered_on = fields.Date(required=True)
    note = fields.String(allow_none=True)
    corrects_id = fields.String(allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    created_by = fields.String(required=True)


class CorrectedQuestionAnswer(Sent):
    """The right version: `answer` is a score or the code of a choice, `person_id` a contact person or null."""

    answer = fields.String(required=True, **TEXT)
    person_id = fields.String(allow_none=True, **TEXT)
    way = fields.String(required=True, **TEXT)
    answered_on = fields.String(required=True, **TEXT)
    note = fields.String(allow_none=True, **TEXT)


class NewQuestionAnswer(CorrectedQuestionAnswer):
    """What was answered to a question, which is named by its code."""

    question = fields.String(required=True, **TEXT)


class WhyAnswerTakenBack(Sent):
    """Why it was never answered."""

    note = fields.String(required=True, **TEXT)
