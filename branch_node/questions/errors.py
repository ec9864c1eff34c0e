"""What can go wrong when somebody notes an answer to a question."""

from typing import Final

from shared.errors import N_, BranchlineError, FieldError, Kind

IN_FUTURE: Final = N_("Give today or an earlier day.")
NOT_ASKED: Final = N_("Choose a day on which this customer is asked this question.")
NOT_AN_ANSWER: Final = N_("Choose one of the answers to this question.")
NOT_THEIRS: Final = N_("Choose a contact person of this customer, or the customer.")
WHY_DESPITE: Final = N_(
    "This way is closed: they are not to be contacted by it. Write down why they were asked all the same."
)
WHY_VOID: Final = N_("Write down why it is taken back.")


class QuestionNotAskedError(BranchlineError):
    """No such question is in force for this customer."""

    code = "question-not-asked"
    kind = Kind.NOT_FOUND
    message = N_("This customer is not asked such a question now.")


class QuestionUnknownError(BranchlineError):
    """There is no such question, and nothing was answered to one."""

    code = "question-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such question here.")


class QuestionAnswerNotFoundError(BranchlineError):
    """There is no such answer at this branch."""

    code = "question-answer-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such answer here.")


class QuestionAnswerCorrectedError(BranchlineError):
    """Another entry corrects this one already."""

    code = "question-answer-corrected"
    kind = Kind.CONFLICT
    message = N_(
        "Somebody corrected this answer meanwhile, so nothing was saved. Correct the latest version."
    )


class AnswerFieldError(FieldError):
    """What was written does not fit what is known; `params["cure"]` says what to do."""

    code = "question-answer-field"
    message = N_("%(field)s: %(cure)s")
