"""Tables in which the rows of several receivers lie side by side: a session sees, changes and adds those of one.

Which one is said by the engine the session is bound to (`Database.of`); without a word it is the first, head office.
Every ORM statement is narrowed as it is executed, whatever its author thought of: selects, updates and removals,
subqueries, joins and aliases; rows added get the session's receiver. A plain Core statement over the table
itself is not seen here: tests/system/test_receivers.py runs cycles under a watch that fails when one runs.
"""

from functools import cache
from typing import Any, Final

from sqlalchemy import String, event
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import (
    LoaderCriteriaOption,
    Mapped,
    ORMExecuteState,
    Session,
    mapped_column,
    with_loader_criteria,
)

FIRST: Final = "hq"
NAME_LENGTH: Final = 20
OPTION: Final = "branchline_receiver"
# As execution options of one statement: the rows of every receiver, as for the size of the whole store.
EVERY: Final = {"branchline_every_receiver": True}


def receiver_of(session: Session) -> str:
    """Return whose rows a session sees."""
    return str(session.get_bind().get_execution_options().get(OPTION, FIRST))


def _of_connection(context: DefaultExecutionContext) -> str:
    return str(context.execution_options.get(OPTION, FIRST))


class OfReceiver:
    """A row that belongs to one receiver of this node's data."""

    receiver: Mapped[str] = mapped_column(String(NAME_LENGTH), default=_of_connection, server_default=FIRST)


class KeyedByReceiver(OfReceiver):
    """A row whose key is only unique within its receiver; `Session.get` takes the rest of the key."""

    receiver: Mapped[str] = mapped_column(
        String(NAME_LENGTH),
        primary_key=True,
        default=_of_connection,
        server_default=FIRST,
        sort_order=-1,
    )


class ScopedSession(Session):
    """A session over the rows of one receiver, and over all rows of tables that know no receivers."""

    def get(self, entity: Any, ident: Any, **options: Any) -> Any:  # noqa: ANN401 - as the base class
        """Return the row of this key, or None (`get_one` asks this); the receiver is added where the key has one."""
        return super().get(entity, self._whole_key(entity, ident), **options)

    def _whole_key(self, entity: Any, ident: Any) -> Any:  # noqa: ANN401 - as the base class
        if not (isinstance(entity, type) and issubclass(entity, KeyedByReceiver)):
            return ident
        return (receiver_of(self), *(ident if isinstance(ident, tuple) else (ident,)))


@event.listens_for(ScopedSession, "do_orm_execute")
def _narrow(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_column_load or state.execution_options.get("branchline_every_receiver"):
        return
    # A program that has no such tables, such as head office's, does not pay for them.
    if not KeyedByReceiver.__subclasses__():
        return
    state.statement = state.statement.options(_criteria(receiver_of(state.session)))


@cache
def _criteria(receiver: str) -> LoaderCriteriaOption:
    """Return what narrows a statement; made once a receiver, since making it costs more than applying it."""
    return with_loader_criteria(OfReceiver, lambda cls: cls.receiver == receiver, include_aliases=True)
