"""Counts of the answers of whom somebody sees, month by month."""

from datetime import date

from sqlalchemy import distinct, extract, func, select
from sqlalchemy.orm import Session

from branch_node.identity.models import CustomerIdentity
from branch_node.questions.asking import known
from branch_node.questions.models import QuestionAnswer
from branch_node.questions.queries import stands
from shared.domain.questions.trend import MONTHS, Counted, Trend, months_until, trends


def list_trends(session: Session, today: date) -> list[Trend]:
    """Return the trend of every question that is asked or was answered in these months, over whom the session sees.

    Merged files are one customer.
    """
    answer, link = QuestionAnswer, CustomerIdentity
    year, month = extract("year", answer.answered_on), extract("month", answer.answered_on)
    since = answer.answered_on >= months_until(today, MONTHS + 1)[-1]
    by_answer = (
        select(answer.question_code, answer.indicator, year, month, answer.score, answer.choice, func.count())
        .where(stands(), since)
        .group_by(answer.question_code, answer.indicator, year, month, answer.score, answer.choice)
    )
    person = func.coalesce(link.identity_id, answer.customer_id)
    by_month = (
        select(answer.question_code, year, month, func.count(distinct(person)))
        .outerjoin(link, link.customer_id == answer.customer_id)
        .where(stands(), since)
        .group_by(answer.question_code, year, month)
    )
    counted = [
        Counted(code, indicator, date(int(y), int(m), 1), score, choice, count)
        for code, indicator, y, m, score, choice, count in session.execute(by_answer)
    ]
    customers = {(code, date(int(y), int(m), 1)): count for code, y, m, count in session.execute(by_month)}
    return [one for one in trends(counted, customers, known(session), today) if not one.is_over]
