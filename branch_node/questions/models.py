"""The branch's own table of answers to questions."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint

from shared.db.base import Base
from shared.domain.questions.fields import QuestionAnswerFields


class QuestionAnswer(QuestionAnswerFields, Base):
    """What a customer answered to a question; the database refuses to change it."""

    __tablename__ = "question_answers"
    __log__ = "question_answer"
    __table_args__ = (
        # One correction an entry: two would both count.
        UniqueConstraint("corrects_id"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        ForeignKeyConstraint(["person_id"], ["contacts.id"]),
        ForeignKeyConstraint(["corrects_id"], ["question_answers.id"]),
        CheckConstraint("score IS NULL OR choice IS NULL", name="one_answer"),
        CheckConstraint(
            "score IS NOT NULL OR choice IS NOT NULL OR corrects_id IS NOT NULL", name="void_takes_back"
        ),
        CheckConstraint("score BETWEEN 1 AND 5", name="score_in_scale"),
        Index("ix_question_answers_customer_id", "customer_id", "answered_on"),
        Index("ix_question_answers_question_code", "question_code", "answered_on"),
        Index("ix_question_answers_person_id", "person_id"),
    )
