"""What is still open at the account of somebody who handed over, and asking an administrator to close that account.

The branch manager asks, an administrator decides: accounts are theirs alone, and so is the name under which somebody
still signs in.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Serving
from branch_node.handover.errors import NoAccountToCloseError
from branch_node.handover.models import Handover
from branch_node.imports.models import Import, ImportState
from shared.auth.models import User
from shared.auth.operations import disable_user
from shared.auth.queries import list_users_of_manager
from shared.errors import N_
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp
from shared.twoperson.models import ProposedAct
from shared.twoperson.operations import propose
from shared.twoperson.vocabulary import ActKind, ActState

SUBJECT: Final = "handover"
SETTLED: Final = (ImportState.DONE, ImportState.UNDONE)


def open_accounts(session: Session, manager_id: str) -> list[User]:
    """Return the accounts with which an account manager can still sign in."""
    return [one for one in list_users_of_manager(session, manager_id) if one.disabled_at is None]


def open_work(session: Session, manager_id: str, *, now: Stamp) -> list[tuple[str, int]]:
    """Return what a person has begun and nobody takes over by itself, as (msgid, how many), without what is none."""
    users = list_users_of_manager(session, manager_id)
    names, ids = [one.username for one in users], [one.id for one in users]
    asked = select(func.count()).select_from(ProposedAct)
    imports = select(func.count()).select_from(Import)
    served = select(func.count()).select_from(Serving)
    found = (
        (
            N_("requests to a second person that wait; they run out by themselves"),
            asked.where(ProposedAct.state == ActState.WAITING, ProposedAct.proposed_by.in_(names)),
        ),
        (
            N_("imports that are not finished; whoever may import goes on with them"),
            imports.where(Import.state.not_in(SETTLED), Import.started_by.in_(names)),
        ),
        (
            N_("files open at the service desk; they close by themselves"),
            served.where(Serving.user_id.in_(ids), Serving.ends_at > now.at),
        ),
    )
    counts = [(text, session.scalar(statement) or 0) for text, statement in found]
    return [(text, count) for text, count in counts if count]


def ask_closing(session: Session, handover: Handover, *, reason: str, by: Stamp) -> ProposedAct:
    """Ask an administrator to close the leaver's accounts.

    Raises NoAccountToCloseError, ActReasonError and ActProposedError.
    """
    users = open_accounts(session, handover.from_id)
    if not users or handover.undone_at is not None:
        raise NoAccountToCloseError
    payload = {
        "number": handover.number,
        "users": [one.id for one in users],
        "usernames": [one.username for one in users],
    }
    return propose(session, CLOSE_KIND, (SUBJECT, handover.id), payload=payload, reason=reason, by=by)


def _close(session: Session, act: ProposedAct, by: Stamp) -> None:
    for user_id in act.payload["users"]:
        disable_user(session, session.get_one(User, user_id), by=by)


def _drop(_session: Session, _act: ProposedAct, _by: Stamp) -> None:
    """Nothing was left by asking: the account stays open."""


def _facts(act: ProposedAct) -> Sequence[tuple[str, Any]]:
    return [(N_("Hand-over"), act.payload["number"]), (N_("Accounts"), ", ".join(act.payload["usernames"]))]


CLOSE_KIND: Final = ActKind(
    "account-closing",
    N_("Close the account of somebody who handed over"),
    Resource.ACCOUNT,
    Action.MANAGE,
    _close,
    _drop,
    facts=_facts,
)
