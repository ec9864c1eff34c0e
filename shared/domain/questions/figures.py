"""Trends of questions as programs read them."""

from typing import Any

from marshmallow import Schema, fields

from shared.domain.questions.trend import Line, Trend
from shared.domain.questions.vocabulary import Indicator, Scale


class AnswerCount(Schema):
    """How many answers were this one, its share of all, and by how much that rose against the month before."""

    answer = fields.String(required=True)
    answers = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True)
    change = fields.Float(required=True, allow_none=True)


class MonthFigure(Schema):
    """What came of a question in a month; `few` answers make mean and shares say little. Only scores have a mean."""

    month = fields.String(required=True)
    answers = fields.Integer(required=True)
    customers = fields.Integer(required=True)
    few = fields.Boolean(required=True)
    mean = fields.Float(required=True, allow_none=True)
    change = fields.Float(required=True, allow_none=True)
    counts = fields.List(fields.Nested(AnswerCount), required=True)


class QuestionFigure(Schema):
    """A question month by month, the latest first; one that nobody here knows has no text.

    One that is `withdrawn` is asked no more.
    """

    question = fields.String(required=True)
    indicator = fields.Enum(Indicator, by_value=True, required=True)
    scale = fields.Enum(Scale, by_value=True, required=True)
    zh = fields.String(required=True, allow_none=True)
    en = fields.String(required=True, allow_none=True)
    withdrawn = fields.Boolean(required=True)
    months = fields.List(fields.Nested(MonthFigure), required=True)


class Figures(Schema):
    """What came of the questions of head office."""

    questions = fields.List(fields.Nested(QuestionFigure), required=True)


def told_of(trend: Trend) -> dict[str, Any]:
    """Return a trend as programs read it."""
    said = trend.question.text if trend.question else None
    return {
        "question": trend.code,
        "indicator": trend.indicator.value,
        "scale": trend.scale.value,
        "zh": said.zh if said else None,
        "en": said.en if said else None,
        "withdrawn": trend.is_withdrawn,
        "months": [month_of(trend, line) for line in trend.lines],
    }


def month_of(trend: Trend, line: Line) -> dict[str, Any]:
    """Return a month of a trend as programs read it."""
    month = line.month
    return {
        "month": f"{month.month:%Y-%m}",
        "answers": month.answers,
        "customers": month.customers,
        "few": month.is_few,
        "mean": month.mean if trend.is_score else None,
        "change": line.mean_change if trend.is_score else None,
        "counts": [
            {
                "answer": answer,
                "answers": month.counts.get(answer, 0),
                "share": month.share(answer),
                "change": line.share_change(answer),
            }
            for answer in trend.answers
        ],
    }
