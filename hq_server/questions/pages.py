"""Questions at head office: what customers answered month by month, in all and by branch, with what that covers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any, Final

from flask import Blueprint, render_template, request, url_for
from sqlalchemy.orm import Session

from hq_server.branches import web
from hq_server.branches.web import Scope
from hq_server.customers.facts import listed
from hq_server.questions import queries
from hq_server.questions.queries import Counts, Published, QuestionUnknownError
from hq_server.replica.models import ReplicaCustomer, ReplicaQuestionAnswer
from shared.domain.corrections import Told
from shared.domain.questions.rules import Question
from shared.domain.questions.trend import Line, Trend, blank, months_until
from shared.domain.questions.vocabulary import Indicator
from shared.domain.questions.words import TREND_WORDS, said_word
from shared.errors import N_
from shared.i18n import current_language
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, today
from shared.web.lists import choice_argument, month_argument, text_argument
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column

blueprint = Blueprint("questions", __name__, template_folder="templates", url_prefix="/questions")
# How far back a month may be chosen.
REACH: Final = 36
STATES: Final = {
    "published": (N_("published"), "ok"),
    "expired": (N_("run out"), ""),
    "withdrawn": (N_("withdrawn"), ""),
}
COLUMNS: Final = (
    Column("customer_no", _l("Customer number"), "own", sort=True),
    Column("name", _l("Customer name")),
    Column("branch", _l("Branch"), sort=True),
    Column("answer", _l("Answer"), "own"),
    Column("way", _l("How they were asked"), "label"),
    Column("answered_on", _l("Day"), "date", sort=True),
    Column("note", _l("Note")),
)


@dataclass(frozen=True)
class Asked:
    """What the address asks for, and what came of it; without a question all of the indicators chosen."""

    scope: Scope
    month: date
    months: Sequence[date]
    indicators: frozenset[str]
    published: Mapping[str, Published]
    counts: Counts

    @property
    def questions(self) -> Mapping[str, Question]:
        """What is asked, by code."""
        return queries.known(self.published)

    @property
    def trends(self) -> list[Trend]:
        """What came of the questions at the branches shown, without those that are over."""
        found = self.counts.trends(self.questions, self.scope.shown)
        wanted = self.indicators or {one.value for one in Indicator}
        return [one for one in found if not one.is_over and one.indicator.value in wanted]

    def one(self, code: str) -> Trend:
        """Return what came of one question at the branches shown; raises QuestionUnknownError."""
        found = _of(self.counts.trends(self.questions, self.scope.shown), code)
        elsewhere = found or _of(self.counts.trends(self.questions, self.scope.branches), code)
        if elsewhere is None:
            raise QuestionUnknownError
        return found or replace(elsewhere, lines=blank(self.month))

    def by_branch(self, code: str) -> dict[int, Sequence[Line]]:
        """Return month by month what came of a question at each branch shown."""
        each = {
            number: _of(self.counts.trends(self.questions, [number]), code) for number in self.scope.shown
        }
        return {number: found.lines if found else blank(self.month) for number, found in each.items()}

    @property
    def chips(self) -> list[tuple[str, str, str]]:
        """What narrows the figures, in words."""
        indicators = web.words(self.indicators, web.choices(Indicator))
        return [
            (_("Indicator"), indicators, "indicator"),
            (_("Branch"), ", ".join(self.scope.codes), "branch"),
        ]


def ask(session: Session, code: str | None = None) -> Asked:
    """Return what the address asks for, of one question or of all; raises UnreadableFilterError."""
    months = months_until(today(), REACH)
    by_name = {f"{one:%Y-%m}": one for one in months}
    chosen = month_argument("month") and choice_argument("month", by_name)
    month = by_name[chosen] if chosen else months[0]
    published = queries.list_questions(session, stamp().at)
    if code is not None:
        published = {name: one for name, one in published.items() if name == code}
    counts = queries.count_answers(session, month, code)
    return Asked(web.scope(session), month, months, web.codes("indicator", Indicator), published, counts)


@blueprint.get("")
@requires(Resource.CUSTOMER, Action.READ)
def index() -> str:
    """List the questions under their indicators with what came of each in a month and the month before."""
    with reading() as session:
        asked = ask(session)
    return render_template(
        "hq_questions/index.html",
        asked=asked,
        trends=asked.trends,
        words=TREND_WORDS,
        options=web.choices(Indicator),
        address=lambda code: url_for("questions.one", question=code, **_kept(asked)),
    )


@blueprint.get("/one")
@requires(Resource.CUSTOMER, Action.READ)
def one() -> str:
    """Show one question month by month, and by branch in the month chosen."""
    code = text_argument("question")
    with reading() as session:
        asked = ask(session, code)
    found, published = asked.one(code), asked.published.get(code)
    rows = [(number, lines[0]) for number, lines in asked.by_branch(code).items()]
    return render_template(
        "hq_questions/one.html",
        asked=asked,
        scope=asked.scope,
        found=found,
        published=published,
        state=STATES[published.state] if published else None,
        rows=rows,
        unaddressed={
            number
            for number, _line in rows
            if published is not None and not published.is_addressed_to(asked.scope.code(number))
        },
        words=TREND_WORDS,
        kept=_kept(asked),
        opens=partial(_opens, asked, code),
    )


@blueprint.get("/answers")
@requires(Resource.CUSTOMER, Action.READ)
def answers() -> str:
    """List the answers to a question in a month that count, each with its customer."""
    code = text_argument("question")
    with reading() as session:
        asked = ask(session, code)
        found, scope = asked.one(code), asked.scope
        said = [one for one in request.args.getlist("answer") if one in found.answers]
        page = paginate(
            session,
            queries.select_answers(code, asked.month, scope.chosen, said),
            PageRequest.from_query(queries.SORTS, default="-answered_on"),
            sorts=queries.SORTS,
            tie=ReplicaQuestionAnswer.id,
            shape=lambda row: listed(scope, row[0], row[1]),
        )
    options = [(one, TREND_WORDS["answer"](found, one)) for one in found.answers]
    return render_template(
        "hq_questions/answers.html",
        asked=asked,
        scope=scope,
        found=found,
        page=page,
        columns=COLUMNS,
        said=said,
        options=options,
        words=TREND_WORDS,
        kept=_kept(asked),
        chips=[(_("Answer"), web.words(said, options), "answer"), *asked.chips[1:]],
    )


@blueprint.app_template_global("questions_told")
def told_of(
    customer: ReplicaCustomer,
) -> list[tuple[Told[ReplicaQuestionAnswer], Published | None, str, Mapping[str, str]]]:
    """Return for the page of a customer what they answered, each with its question, its text and the words of answers.

    Of a question that was never published here (head office was set back) there is none, and answers are codes.
    """
    with reading() as session:
        found = queries.list_of_customer(session, customer)
        published = queries.list_questions(session, stamp().at) if found else {}
    return [_told(one, published.get(one.answer.question_code)) for one in found]


def _told(
    told: Told[ReplicaQuestionAnswer], about: Published | None
) -> tuple[Told[ReplicaQuestionAnswer], Published | None, str, Mapping[str, str]]:
    question = about.question if about else None
    text = question.text.word(current_language()) if question else ""
    return told, about, text, _words(question, told)


def _words(question: Question | None, told: Told[ReplicaQuestionAnswer]) -> dict[str, str]:
    """Return the words of an answer and those it took the place of, by their ids."""
    return {each.id: said_word(question, each.answer) for each in (told.answer, *told.before)}


def _of(found: Sequence[Trend], code: str) -> Trend | None:
    return next((one for one in found if one.code == code), None)


def _kept(asked: Asked) -> dict[str, Any]:
    """Return what links between these pages keep of the address."""
    return {"month": f"{asked.month:%Y-%m}", "branch": asked.scope.codes}


def _opens(asked: Asked, code: str, line: Line, branch: int | None = None) -> str:
    """Return where the answers of a month are listed, of the branches shown or of one."""
    codes = asked.scope.codes if branch is None else [asked.scope.code(branch)]
    return url_for("questions.answers", question=code, month=f"{line.month.month:%Y-%m}", branch=codes)
