"""What counts papers of a kind: rules of qualification, and what makes a file complete, as they are published."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.domain.archive.keeping import COMPLETE_DOUBLE, COMPLETE_GROUP, COMPLETE_INDIVIDUAL
from shared.domain.documents.vocabulary import kind_of
from shared.domain.published.policies import POLICIES
from shared.domain.qualification.checks import NAME, problem_of
from shared.domain.qualification.rules import read_rules
from shared.i18n import current_language
from shared.i18n import gettext as _

# The policies whose values may name kinds of papers.
COUNTING: Final = (COMPLETE_INDIVIDUAL, COMPLETE_GROUP, COMPLETE_DOUBLE)


def counting_kinds(
    rules: Iterable[Mapping[str, Any]], policies: Iterable[tuple[str, object]]
) -> dict[str, list[str]]:
    """Return by kind of papers what counts them, in words: rule sets as they were published, and (name, value)s.

    What this version of the program cannot read counts nothing here.
    """
    found: dict[str, list[str]] = {}
    for body in rules:
        for rule in read_rules(body).rules if problem_of(NAME, body) is None else ():
            if (kind := kind_of(rule.fact)) is not None:
                _tell(found, kind, _("rule “%(rule)s”", rule=rule.word(current_language())))
    for name, value in policies:
        for code in value if isinstance(value, list) else ():
            if isinstance(code, str) and (kind := kind_of(code)) is not None:
                _tell(found, kind, _(POLICIES[name].label))
    return found


def _tell(found: dict[str, list[str]], kind: str, word: str) -> None:
    told = found.setdefault(kind, [])
    if word not in told:
        told.append(word)
