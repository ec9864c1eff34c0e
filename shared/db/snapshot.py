"""What a session that only reads has asked already: its snapshot does not change, so neither does the answer."""

from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

from sqlalchemy.orm import Session

from shared.db.engine import READ_ONLY

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
_ANSWERS: Final = "branchline_answers"


def once(
    session: Session,
    ask: Callable[Concatenate[Session, Asked], Answer],
    *asked: Asked.args,
    **named: Asked.kwargs,
) -> Answer:
    """Return what `ask` finds; a session that only reads asks once in a transaction, one that writes each time."""
    if not reads_only(session):
        return ask(session, *asked, **named)
    key = (ask, asked, tuple(sorted(named.items())))
    if key in (answers := _answers(session)):
        return cast("Answer", answers[key])
    # The first to be asked begins the transaction, if it asks the database at all.
    found = ask(session, *asked, **named)
    _answers(session)[key] = found
    return found


def known(
    session: Session,
    answer: Answer,
    ask: Callable[Concatenate[Session, Asked], Answer],
    *asked: Asked.args,
    **named: Asked.kwargs,
) -> None:
    """Note what `ask` would find, where one statement has answered for several; a session that writes asks again."""
    _answers(session)[(ask, asked, tuple(sorted(named.items())))] = answer


def heard(
    session: Session,
    ask: Callable[Concatenate[Session, Asked], Answer],
    *asked: Asked.args,
    **named: Asked.kwargs,
) -> Answer | None:
    """Return what `ask` has found in this transaction, or None where nobody has asked; it is not asked here."""
    if not reads_only(session):
        return None
    return cast("Answer | None", _answers(session).get((ask, asked, tuple(sorted(named.items())))))


def _answers(session: Session) -> dict[Any, Any]:
    """Return what is known of the transaction a session is in."""
    now = session.get_transaction()
    kept = session.info.get(_ANSWERS)
    if kept is None or now is None or kept[0] is not now:
        kept = session.info[_ANSWERS] = (now, {})
    return kept[1]


def reads_only(session: Session) -> bool:
    """Tell whether a session looks at one unchanging snapshot and cannot write."""
    return bool(session.get_bind().get_execution_options().get(READ_ONLY))
