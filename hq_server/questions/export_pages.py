"""Figures of questions as workbooks: what the pages show, with what it covers."""

from collections.abc import Iterator, Sequence

from flask import Blueprint
from flask.typing import ResponseReturnValue

from hq_server.branches import web
from hq_server.questions.pages import Asked, ask
from shared.domain.questions.trend import Month, Trend
from shared.domain.questions.words import answer_word, most_named, text_word
from shared.files.spreadsheets import Column
from shared.i18n import gettext as _
from shared.i18n import label
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading
from shared.web.lists import text_argument

blueprint = Blueprint("question_files", __name__, url_prefix="/questions")


@blueprint.route("/export.xlsx", methods=["GET", "POST"])
@requires(Resource.CUSTOMER, Action.EXPORT)
def export() -> ResponseReturnValue:
    """Answer with the questions in a month and the month before, or with ?question= one by branch and month."""
    code = text_argument("question")
    with reading() as session:
        asked = ask(session, code or None)
    found = asked.one(code) if code else None
    month = f"{asked.month:%Y-%m}"
    told = [(_("Question"), code), (_("Month"), month), *((name, text) for name, text, _arg in asked.chips)]
    return web.send_xlsx(
        f"questions-{month}",
        title=_("Answers to questions"),
        columns=_columns(found) if found else _heads(),
        rows=_of_one(asked, found) if found else _of_all(asked),
        about=web.about(asked.scope.coverage, told),
        pins={"month": month},
    )


def _heads() -> list[Column]:
    figures = _result_heads()
    before = [
        Column(f"before.{one.name}", _("Month before: %(what)s", what=one.label), one.kind) for one in figures
    ]
    return [
        Column("indicator", _("Indicator")),
        Column("code", _("Code")),
        Column("question", _("Question")),
        Column("state", _("State")),
        *figures,
        *before,
    ]


def _result_heads() -> list[Column]:
    return [
        Column("answers", _("Answers"), "number"),
        Column("customers", _("Customers asked"), "number"),
        Column("mean", _("Mean"), "number"),
        Column("most", _("Most named")),
        Column("share", _("Share, percent"), "number"),
    ]


def _of_all(asked: Asked) -> Iterator[Sequence[object]]:
    for trend in asked.trends:
        line = trend.lines[0]
        yield (
            label(trend.indicator),
            trend.code,
            text_word(trend),
            _("withdrawn") if trend.is_withdrawn else "",
            *_results(trend, line.month),
            *_results(trend, line.before),
        )


def _results(trend: Trend, month: Month) -> tuple[object, ...]:
    most = most_named(month)
    named = (answer_word(trend, most), _percent(month, most)) if most and not trend.is_score else (None, None)
    return (month.answers, month.customers, _mean(trend, month), *named)


def _columns(trend: Trend) -> list[Column]:
    return [
        Column("branch_code", _("Branch code")),
        Column("branch", _("Branch")),
        Column("month", _("Month")),
        Column("answers", _("Answers"), "number"),
        Column("customers", _("Customers asked"), "number"),
        *([Column("mean", _("Mean"), "number")] if trend.is_score else []),
        *(Column(f"answer.{one}", answer_word(trend, one), "number") for one in trend.answers),
    ]


def _of_one(asked: Asked, trend: Trend) -> Iterator[Sequence[object]]:
    for number, lines in asked.by_branch(trend.code).items():
        for line in lines:
            month = line.month
            yield (
                asked.scope.code(number),
                asked.scope.name(number),
                f"{month.month:%Y-%m}",
                month.answers,
                month.customers,
                *([_mean(trend, month)] if trend.is_score else []),
                *(month.counts.get(one, 0) for one in trend.answers),
            )


def _mean(trend: Trend, month: Month) -> float | None:
    return round(month.mean, 2) if trend.is_score and month.mean is not None else None


def _percent(month: Month, answer: str) -> int | None:
    share = month.share(answer)
    return None if share is None else round(share * 100)
