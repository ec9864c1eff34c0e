"""The trend of questions over the customers somebody sees."""

from flask import Blueprint, render_template, url_for

from branch_node.questions.counting import list_trends
from branch_node.questions.errors import QuestionUnknownError
from shared.domain.questions.words import TREND_WORDS
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, today
from shared.web.lists import text_argument

blueprint = Blueprint("question_trend", __name__, template_folder="templates", url_prefix="/questions")


@blueprint.get("")
@requires(Resource.CUSTOMER, Action.READ)
def index() -> str:
    """List the questions with what came of each this month and the month before."""
    with reading() as session:
        found = list_trends(session, today())
    return render_template(
        "questions/index.html",
        trends=found,
        words=TREND_WORDS,
        address=lambda code: url_for("question_trend.one", question=code),
    )


@blueprint.get("/trend")
@requires(Resource.CUSTOMER, Action.READ)
def one() -> str:
    """Show one question month by month."""
    code = text_argument("question")
    with reading() as session:
        found = next((each for each in list_trends(session, today()) if each.code == code), None)
    if found is None:
        raise QuestionUnknownError
    return render_template("questions/one.html", found=found, words=TREND_WORDS)
