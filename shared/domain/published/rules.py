"""The one check of a published item: head office keeps it when publishing, a branch before it applies anything."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.domain.offers import rules as offers
from shared.domain.published import announcements, codes, orders, policies
from shared.domain.published.announcements import TITLE_LENGTH
from shared.domain.published.vocabulary import ItemKind
from shared.domain.qualification import checks as qualification
from shared.domain.questions import rules as questions
from shared.domain.units import recalls
from shared.errors import N_

UNKNOWN_KIND: Final = N_("Items of this kind are not known to this version of the program.")
_CHECKS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], str | None]]] = {
    ItemKind.CODE_TABLE: codes.problem_of,
    ItemKind.POLICY: policies.problem_of,
    ItemKind.RULES: qualification.problem_of,
    ItemKind.RECALL: recalls.problem_of,
    ItemKind.OFFER: offers.problem_of,
    ItemKind.QUESTION: questions.problem_of,
    ItemKind.ANNOUNCEMENT: lambda _name, body: announcements.problem_of(body),
    ItemKind.PERSONAL_ORDER: lambda _name, body: orders.problem_of(body),
}


def title_of(kind: str, body: Mapping[str, Any]) -> str:
    """Return what lists call an item that people write; a question by its Chinese text."""
    return str(body.get("zh" if kind == ItemKind.QUESTION else "title", ""))[:TITLE_LENGTH]


def problem_of(kind: str, name: str, body: Mapping[str, Any]) -> str | None:
    """Return why an item cannot be obeyed, as a msgid without parameters, or None.

    A newer head office may publish what an older branch does not know: that is refused with the reason, not guessed.
    """
    check = _CHECKS.get(kind)
    return check(name, body) if check else UNKNOWN_KIND
