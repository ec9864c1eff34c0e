"""The columns of an answer to a question that both tiers store."""

from datetime import date
from typing import Final

from sqlalchemy import Date, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.db.personal import FieldClass, about, not_personal, personal
from shared.domain.fields import Created, Identified
from shared.domain.questions.rules import CHOICE_LENGTH, CODE_LENGTH
from shared.domain.questions.vocabulary import Indicator, Way
from shared.domain.vocabulary import code_column

NOTE_LENGTH: Final = 200


class QuestionAnswerFields(Identified, Created):
    """What a customer answered to a question: a fact; a correction is a new one with `corrects_id`.

    `question_code` is the name of the published item, `question_version` the version in force when it was written.
    `person_id` is the contact person who answered, None the customer. It is a `score` or a `choice`; with neither it
    takes back what it corrects.
    """

    customer_id: Mapped[str] = mapped_column(Id, info=about("customer"))
    person_id: Mapped[str | None] = mapped_column(Id)
    question_code: Mapped[str] = mapped_column(String(CODE_LENGTH), info=not_personal())
    question_version: Mapped[int] = mapped_column(Integer)
    indicator: Mapped[Indicator] = mapped_column(code_column(Indicator))
    score: Mapped[int | None] = mapped_column(Integer)
    choice: Mapped[str | None] = mapped_column(String(CHOICE_LENGTH), info=not_personal())
    way: Mapped[Way] = mapped_column(code_column(Way))
    answered_on: Mapped[date] = mapped_column(Date)
    note: Mapped[str | None] = mapped_column(String(NOTE_LENGTH), info=personal(FieldClass.FREE_TEXT))
    corrects_id: Mapped[str | None] = mapped_column(Id)

    @property
    def answer(self) -> str | None:
        """The score or the code of the choice, None of what takes another back."""
        return str(self.score) if self.score is not None else self.choice

    @property
    def is_void(self) -> bool:
        """Whether it takes back what it corrects."""
        return self.answer is None
