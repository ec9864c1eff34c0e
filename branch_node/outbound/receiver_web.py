"""Which receiver a page is about: head office, or the one named in the query."""

from contextlib import AbstractContextManager

from flask import request
from sqlalchemy.orm import Session

from branch_node.outbound.receivers import view_of
from branch_node.runtime import BranchRuntime
from shared.db.scope import FIRST
from shared.web import context
from shared.web.context import runtime


def chosen() -> BranchRuntime:
    """Return this node as it is towards the receiver of the query; raises ReceiverUnknownError."""
    return view_of(runtime(BranchRuntime), request.args.get("receiver", FIRST))


def reading() -> AbstractContextManager[Session]:
    """Open a session on one unchanging snapshot of what belongs to that receiver."""
    return context.reading(of=chosen().database)


def writing(*, as_node: bool = False) -> AbstractContextManager[Session]:
    """Open the one transaction of this request, over what belongs to that receiver."""
    return context.writing(of=chosen().database, as_node=as_node)


def named() -> str | None:
    """Return the receiver's name as addresses carry it: None for head office."""
    name = request.args.get("receiver", FIRST)
    return None if name == FIRST else name
