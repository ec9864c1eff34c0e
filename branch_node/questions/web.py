"""What the pages of questions, of a customer and the interface for programs share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from branch_node.questions.asking import known
from branch_node.questions.errors import AnswerFieldError
from branch_node.questions.models import QuestionAnswer
from shared.domain.corrections import Told
from shared.domain.questions.rules import Question
from shared.domain.questions.words import said_word
from shared.errors import BranchlineError
from shared.i18n import current_language, translate_error
from shared.i18n import gettext as _


@dataclass(frozen=True, slots=True)
class Story:
    """What a customer answered to one question, the latest first; `scores` that count, the earliest first."""

    code: str
    text: str
    withdrawn: bool
    told: Sequence[Told[QuestionAnswer]]

    @property
    def scores(self) -> list[int]:
        """The scores over time."""
        counted = (one.answer.score for one in reversed(self.told))
        return [score for score in counted if score is not None]

    @property
    def last(self) -> QuestionAnswer | None:
        """What counts and was answered last."""
        return next((one.answer for one in self.told if one.counts), None)


def stories(told: Sequence[Told[QuestionAnswer]], questions: Mapping[str, Question]) -> dict[str, Story]:
    """Return by question what a customer answered, the question answered last before others."""
    found: dict[str, list[Told[QuestionAnswer]]] = {}
    for one in told:
        found.setdefault(one.answer.question_code, []).append(one)
    return {code: _story(code, questions.get(code), each) for code, each in found.items()}


def _story(code: str, question: Question | None, told: Sequence[Told[QuestionAnswer]]) -> Story:
    text = question.text.word(current_language()) if question else ""
    return Story(code, text, question is None or question.withdrawn, told)


def worded(session: Session) -> Callable[[QuestionAnswer], str]:
    """Return how to say an answer in the reader's words; questions are read once there is one to say."""
    questions: dict[str, Question] = {}

    def word(answer: QuestionAnswer) -> str:
        if not questions:
            questions.update(known(session))
        return said_word(questions.get(answer.question_code), answer.answer)

    return word


def sentence(refused: BranchlineError) -> dict[str, str]:
    """Return an error at its field, for a form to show."""
    if isinstance(refused, AnswerFieldError):
        return {str(refused.params["field"]): _(str(refused.params["cure"]))}
    return {"": translate_error(refused)}
