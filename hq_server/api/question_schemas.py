"""What head office's interface for programs answers about questions to customers."""

from marshmallow import Schema, fields, validate

from hq_server.api.schemas import Covered
from shared.domain.questions.figures import MonthFigure, QuestionFigure
from shared.domain.questions.vocabulary import Indicator, Way


class QuestionAnswer(Schema):
    """What was answered. One that another corrects, or took back, counts no more and stays readable."""

    id = fields.String(required=True)
    customer_id = fields.String(required=True)
    person_id = fields.String(allow_none=True)
    question = fields.String(required=True, attribute="question_code")
    version = fields.Integer(required=True, attribute="question_version")
    indicator = fields.Enum(Indicator, by_value=True, required=True)
    answer = fields.String(allow_none=True)
    counts = fields.Boolean(required=True)
    way = fields.Enum(Way, by_value=True, required=True)
    answered_on = fields.Date(required=True)
    note = fields.String(allow_none=True)
    corrects_id = fields.String(allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    created_by = fields.String(required=True)


class BranchQuestion(Schema):
    """What came of a question at a branch, the latest month first; months without answers are left out."""

    branch = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True, allow_none=True)
    addressed = fields.Boolean(required=True)
    months = fields.List(fields.Nested(MonthFigure), required=True)


class HqQuestionFigure(QuestionFigure):
    """A question month by month over all branches asked for, and at each; `unknown` was never published here."""

    state = fields.String(
        required=True, validate=validate.OneOf(["published", "expired", "withdrawn", "unknown"])
    )
    branches = fields.List(fields.Nested(BranchQuestion), required=True)


class HqQuestionFigures(Covered):
    """What came of the questions of head office."""

    questions = fields.List(fields.Nested(HqQuestionFigure), required=True)
