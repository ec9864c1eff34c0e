"""Proposing a merge, making one customer of two files in one transaction, and two again.

No fact changes: bill lines and work logs stay with the file they were written for, and an identity link says whose they
are. The survivor takes the chosen columns, contact people and group members move, whoever saw one file sees both. All
of it is kept with the merge, so that taking it back gives both files what they held; what was written since stays.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from branch_node.customers.following import end_followers
from branch_node.customers.groups import (
    CannotPlaceError,
    GroupCircleError,
    GroupHasMembersError,
    GroupTooDeepError,
    count_members,
    loses_members,
    move_members,
    refuse_losing_members,
)
from branch_node.customers.models import Contact, Customer
from branch_node.customers.operations import EDITABLE, index_customer
from branch_node.customers.queries import CustomerNotFoundError
from branch_node.documents import operations as documents
from branch_node.duplicates.models import DuplicatePair
from branch_node.erased.queries import erased_among
from branch_node.identity.models import CustomerIdentity, CustomerMerge, MergeState
from branch_node.identity.queries import merged_among
from branch_node.merging.ages import ages_of, give_ages_back
from branch_node.merging.errors import (
    CannotMergeError,
    LaterMergeError,
    MergeAskedError,
    MergeDocumentError,
    MergeErasedError,
    MergeGroupError,
    MergeHeldError,
    MergeKindError,
    MergeOverError,
    MergeProposedError,
    OwnProposalError,
)
from branch_node.merging.queries import built_on, get_merge, waits_for
from branch_node.merging.values import plain, stored
from branch_node.merging.visibility import (
    close_again,
    give_shares_back,
    open_to_both,
    shares_below,
    take_back_shares,
)
from branch_node.personal.holds import held_among
from branch_node.personal.models import PersonalRequest
from shared.audit.operations import record
from shared.domain.customers.rules import misfit_problem
from shared.domain.duplicates.vocabulary import PairState
from shared.domain.personal.vocabulary import RequestState
from shared.ids import new_id
from shared.stamp import Stamp

# The number stays what it was: a customer is found by either.
CHOOSABLE: Final = tuple(name for name in EDITABLE if name != "customer_no")


def propose(
    session: Session, survivor_id: str, loser_id: str, chosen: Sequence[str], *, by: Stamp
) -> CustomerMerge:
    """Ask the branch manager to merge one file into another, the `chosen` columns taken from the one that goes.

    Raises CustomerNotFoundError, CannotMergeError, MergeHeldError, MergeAskedError, MergeKindError, MergeDocumentError
    and MergeProposedError.
    """
    survivor, loser = _both(session, survivor_id, loser_id)
    _refuse_unfit(session, survivor, loser, chosen)
    if waits_for(session, [survivor.id, loser.id]):
        raise MergeProposedError
    merge = CustomerMerge(
        id=new_id(),
        survivor_id=survivor.id,
        loser_id=loser.id,
        state=MergeState.PROPOSED,
        chosen=[name for name in CHOOSABLE if name in set(chosen)],
        proposed_at=by.at,
        proposed_by=by.actor[:80],
        proposed_by_id=by.actor_id,
        before={},
        after={},
        moved={},
        stood={},
    )
    session.add(merge)
    session.flush()
    _note(session, "merge.proposed", merge, by=by)
    return merge


def refuse(session: Session, merge_id: str, *, by: Stamp) -> CustomerMerge:
    """Leave the two files two; who proposed it may as well. Raises MergeNotFoundError and MergeOverError."""
    merge = _in_state(session, merge_id, MergeState.PROPOSED)
    merge.state, merge.decided_at, merge.decided_by = MergeState.REFUSED, by.at, by.actor[:80]
    _note(session, "merge.refused", merge, by=by)
    return merge


def carry_out(session: Session, merge_id: str, *, by: Stamp) -> CustomerMerge:
    """Make one customer of the two, in this transaction.

    Raises MergeNotFoundError, MergeOverError, OwnProposalError, MergeGroupError and what `propose` raises of the files.
    """
    merge = _in_state(session, merge_id, MergeState.PROPOSED)
    if merge.is_of(by):
        raise OwnProposalError
    survivor, loser = _both(session, merge.survivor_id, merge.loser_id)
    merge.state, merge.decided_at, merge.decided_by = MergeState.MERGED, by.at, by.actor[:80]
    _refuse_unfit(session, survivor, loser, merge.chosen)
    _take_over(session, merge, survivor, loser, by=by)
    merge.moved = {
        "stood": shares_below(session, loser),
        **open_to_both(session, survivor, loser, by=by),
        "members": _link(session, survivor, loser, by=by),
        **{table: move(session, loser.id, survivor.id, None) for table, move in MOVERS.items()},
        "below": _move_below(session, loser, survivor),
    }
    _decide_pair(session, merge, PairState.SAME, by=by)
    session.flush()
    _note(session, "customer.merged", merge, by=by)
    return merge


def take_back(session: Session, merge_id: str, *, by: Stamp) -> list[str]:
    """Make two files of one customer again; returns the columns that stay as they were written since the merge.

    Raises MergeNotFoundError, MergeOverError, LaterMergeError, MergeErasedError and MergeHeldError.
    """
    merge = _in_state(session, merge_id, MergeState.MERGED)
    both = _locked(session, [merge.survivor_id, merge.loser_id])
    survivor = both[merge.survivor_id]
    if built_on(session, merge) or merged_among(session, [merge.survivor_id]):
        raise LaterMergeError
    if erased_among(session, [*both]):
        raise MergeErasedError
    if held_among(session, [*both]):
        raise MergeHeldError
    move_members(session, survivor.id, both[merge.loser_id], only=merge.moved.get("below", ()))
    kept = _give_back(session, merge, survivor, by=by)
    _unlink(session, merge)
    for table, move in MOVERS.items():
        # A merge from before there was such a table moved nothing of it.
        move(session, merge.survivor_id, merge.loser_id, merge.moved.get(table, ()))
    since = merge.decided_at or by.at
    # A merge from before shares were kept knows none.
    give_shares_back(session, merge.moved.get("stood", ()), since=since)
    end_followers(session, [merge.loser_id, *merge.moved["members"]], since=since)
    take_back_shares(session, merge.moved["shares"], since=since)
    close_again(session, merge.moved.get("servings", ()))
    merge.state, merge.undone_at, merge.undone_by = MergeState.UNDONE, by.at, by.actor[:80]
    # What they held stands in both files again; a copy of it is kept no longer than it is needed.
    merge.before, merge.after = {}, {}
    _decide_pair(session, merge, PairState.DIFFERENT, by=by)
    session.flush()
    record(
        session,
        "customer.unmerged",
        subject=("customer", merge.survivor_id),
        by=by,
        details={"merge": merge.id, "other": merge.loser_id, "kept": kept},
    )
    return kept


def _in_state(session: Session, merge_id: str, state: MergeState) -> CustomerMerge:
    merge = get_merge(session, merge_id, lock=True)
    if merge.state is not state:
        raise MergeOverError
    return merge


def _both(session: Session, survivor_id: str, loser_id: str) -> tuple[Customer, Customer]:
    """Return both files, locked, when they can be merged."""
    both = [survivor_id, loser_id]
    if survivor_id == loser_id or merged_among(session, both) or erased_among(session, both):
        raise CannotMergeError
    found = _locked(session, both)
    if held_among(session, both):
        raise MergeHeldError
    asked = select(PersonalRequest.id).where(
        PersonalRequest.customer_id.in_(both), PersonalRequest.state == RequestState.OPEN
    )
    if session.scalar(asked.limit(1)) is not None:
        raise MergeAskedError
    return found[survivor_id], found[loser_id]


def _locked(session: Session, ids: Sequence[str]) -> dict[str, Customer]:
    wanted = select(Customer).where(Customer.id.in_(ids)).order_by(Customer.id).with_for_update()
    found = {one.id: one for one in session.scalars(wanted)}
    if len(found) != len(set(ids)):
        raise CustomerNotFoundError
    return found


def _refuse_unfit(session: Session, survivor: Customer, loser: Customer, chosen: Sequence[str]) -> None:
    """Hold the customer of the two to what the form holds everybody to."""
    taken = {name for name in ("kind", "id_type") if name in chosen}
    kind, document = ((loser if name in taken else survivor) for name in ("kind", "id_type"))
    try:
        refuse_losing_members(session, survivor, kind.kind)
    except GroupHasMembersError as error:
        raise MergeKindError(members=error.params["members"]) from error
    differs = any(getattr(survivor, name) != getattr(loser, name) for name in taken)
    if differs and misfit_problem(kind.kind, document.id_type):
        raise MergeDocumentError


def _take_over(
    session: Session, merge: CustomerMerge, survivor: Customer, loser: Customer, *, by: Stamp
) -> None:
    """Give the survivor the chosen columns, and keep what it held."""
    differing = [name for name in merge.chosen if getattr(survivor, name) != getattr(loser, name)]
    merge.before = {name: plain(getattr(survivor, name)) for name in differing}
    merge.after = {name: plain(getattr(loser, name)) for name in differing}
    if not differing:
        return
    merge.stood = {
        "at": plain(survivor.updated_at),
        "by": survivor.updated_by,
        "since": plain(by.at),
        "ages": ages_of(session, survivor.id, differing),
    }
    for name in differing:
        setattr(survivor, name, getattr(loser, name))
    survivor.touch(by)
    session.flush()
    index_customer(session, survivor)


def _give_back(session: Session, merge: CustomerMerge, survivor: Customer, *, by: Stamp) -> list[str]:
    """Give the survivor back what it held; returns the columns somebody has written since."""
    if not merge.before:
        return []
    untouched = plain(survivor.updated_at) == merge.stood["since"]
    kept = [name for name, value in merge.after.items() if plain(getattr(survivor, name)) != value]
    if "kind" in merge.before and "kind" not in kept:
        kept += _kept_for_members(session, merge, survivor, kept)
    for name, value in merge.before.items():
        if name not in kept:
            setattr(survivor, name, stored(name, value))
    if untouched:
        survivor.updated_at = stored("updated_at", merge.stood["at"])
        survivor.updated_by = merge.stood["by"]
    else:
        survivor.touch(by)
    session.flush()
    # A merge from before ages were kept knows none.
    if "ages" in merge.stood:
        give_ages_back(session, survivor.id, merge.stood["ages"], merge.before.keys() - set(kept))
    index_customer(session, survivor)
    return kept


def _kept_for_members(
    session: Session, merge: CustomerMerge, survivor: Customer, kept: Sequence[str]
) -> list[str]:
    """Return kind and document where others were placed below the group that the merge made: it stays one."""
    others = count_members(session, [survivor.id]).get(survivor.id, 0)
    if not loses_members(survivor.kind, stored("kind", merge.before["kind"]), others):
        return []
    return [name for name in ("kind", "id_type", "id_no") if name in merge.before and name not in kept]


def _link(session: Session, survivor: Customer, loser: Customer, *, by: Stamp) -> list[str]:
    """Say that the loser, and who was merged into it before, are the survivor; returns those before."""
    of_loser = CustomerIdentity.identity_id == loser.id
    members = list(session.scalars(select(CustomerIdentity.customer_id).where(of_loser)))
    for link in session.scalars(select(CustomerIdentity).where(of_loser)).all():
        link.identity_id = survivor.id
    session.add(
        CustomerIdentity(
            id=new_id(),
            customer_id=loser.id,
            identity_id=survivor.id,
            merged_at=by.at,
            merged_by=by.actor[:80],
        )
    )
    session.flush()
    return members


def _unlink(session: Session, merge: CustomerMerge) -> None:
    members = CustomerIdentity.customer_id.in_([merge.loser_id, *merge.moved["members"]])
    for link in session.scalars(select(CustomerIdentity).where(members)).all():
        if link.customer_id == merge.loser_id:
            session.delete(link)
        else:
            link.identity_id = merge.loser_id
    session.flush()


def _move_contacts(session: Session, source: str, target: str, only: Sequence[str] | None) -> list[str]:
    """Let contact people of one file be those of the other; `only` some, as far as they are there yet."""
    wanted = select(Contact).where(Contact.customer_id == source).order_by(Contact.id)
    if only is not None:
        wanted = wanted.where(Contact.id.in_(only))
    found = session.scalars(wanted).all()
    for contact in found:
        contact.customer_id = target
    session.flush()
    return [contact.id for contact in found]


# By table, as they stand in the list of what belongs to a customer. Versions of documents move with these; shares and
# servings as `open_to_both` says.
MOVERS: Final[Mapping[str, Callable[[Session, str, str, Sequence[str] | None], list[str]]]] = {
    "contacts": _move_contacts,
    "documents": documents.move,
}


def _move_below(session: Session, loser: Customer, survivor: Customer) -> list[str]:
    """Let the members and subsidiaries of the file that goes be the survivor's."""
    try:
        return move_members(session, loser.id, survivor)
    except (CannotPlaceError, GroupCircleError, GroupTooDeepError) as error:
        raise MergeGroupError from error


def _decide_pair(session: Session, merge: CustomerMerge, state: PairState, *, by: Stamp) -> None:
    one, other = sorted((merge.survivor_id, merge.loser_id))
    session.execute(
        update(DuplicatePair)
        .where(DuplicatePair.one_id == one, DuplicatePair.other_id == other)
        .values(state=state, decided_at=by.at, decided_by=by.actor[:80])
    )


def _note(session: Session, event: str, merge: CustomerMerge, *, by: Stamp) -> None:
    details: dict[str, Any] = {"merge": merge.id, "other": merge.loser_id, "columns": merge.chosen}
    record(session, event, subject=("customer", merge.survivor_id), by=by, details=details)
