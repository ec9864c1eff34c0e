"""What an alarm is about and how grave it is; each kind is declared beside what raises it."""

from dataclasses import dataclass
from typing import Final

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_

Subject = tuple[str, str]
# Who closed an alarm that was over by itself.
SYSTEM: Final = "system"
# Codes of alarms that nobody closes alone: one says what was done, another agrees (shared.twoperson.closing).
TAKES_TWO: Final = frozenset({"restored-by-one"})


class Severity(Vocabulary):
    """How grave an alarm is: a critical one is shown on the first page until it is over."""

    CRITICAL = "critical", N_("critical"), "紧急"
    WARNING = "warning", N_("warning"), "警告"


@dataclass(frozen=True, slots=True)
class AlarmKind:
    """One kind of alarm; `code` is stable and stands in docs/operations.md.

    `title_msgid` says what is wrong, `cure_msgid` what a person does about it. `words_msgid`, when
    given, tells the details in one sentence: it may name them in `%(name)s` form.
    """

    code: str
    severity: Severity
    title_msgid: str
    cure_msgid: str
    words_msgid: str = ""
