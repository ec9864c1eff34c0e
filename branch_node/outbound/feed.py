"""Following what head office publishes, as part of a cycle.

    state told where the feed stands          equal to where we stand: nothing is asked
    GET feed, page by page                    all of it is applied in one transaction, then we stand at its head
    HQ does not know the place we were at     it was restored, or has a history of its own: everything anew
    POST feed/receipts                        what became of each item, until HQ has kept it; HQ lost it: all again

At least once: cut off anywhere, the next cycle does the same again and comes to the same.
"""

from datetime import datetime
from typing import Final

from branch_node.inbound import operations, queries
from branch_node.outbound.client import HqClient, HqRefusedError
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import BranchRuntime
from shared.stamp import Stamp, Via
from sync_protocol.contract.feed import FeedEntry, FeedPage, FeedPoint, FeedReceipts
from sync_protocol.contract.messages import StateAnswer

AT_ONCE: Final = 200
# Less than this is the line's; writing it down each cycle would cost a commit for nothing.
SAME_TIME_MS: Final = 2_000
BEGINNING: Final = FeedPoint(seq=0, digest="")


def try_to_follow(
    runtime: BranchRuntime, client: HqClient, state: StateAnswer
) -> NoAnswerError | HqRefusedError | None:
    """Follow the feed; trouble with it is returned for the end of the cycle, so that it keeps no record waiting."""
    if runtime.space.is_full:
        return None  # it waits for room, as everything that is written here does
    try:
        follow(runtime, client, state)
    except (NoAnswerError, HqRefusedError) as error:
        return error
    return None


def follow(runtime: BranchRuntime, client: HqClient, state: StateAnswer) -> None:
    """Take in what was published since, and tell HQ what became of it; asks nothing when neither is due.

    Raises NoAnswerError and HqRefusedError; what was taken in by then stays.
    """
    told = state.feed
    if told is None:
        return
    ahead = datetime.fromisoformat(state.at) - runtime.clock.now()
    ahead_ms = round(ahead.total_seconds() * 1000)
    with runtime.database.reads() as session:
        place = queries.find_place(session)
        here, telling = queries.standing(place)
        waiting = queries.has_unsettled(session)
    moved = place is None or abs(place.ahead_ms - ahead_ms) > SAME_TIME_MS
    news, lost = (told.seq, told.digest) != (here.seq, here.digest), telling != told.receipts
    if not (news or lost or waiting or moved):
        return
    if moved:
        with runtime.database.sessions.begin() as session:
            operations.place_of(session).ahead_ms = ahead_ms
    if news:
        here = _take_in(runtime, client, here)
    with runtime.database.sessions.begin() as session:
        operations.try_refused_again(session, by=_stamp(runtime))
        if lost:
            operations.tell_all_again(session)
    _tell(runtime, client, here, number=max(telling, told.receipts), anyway=lost)


def _stamp(runtime: BranchRuntime) -> Stamp:
    return Stamp(runtime.clock.now(), "sync", Via.SYNC, "")


def _take_in(runtime: BranchRuntime, client: HqClient, here: FeedPoint) -> FeedPoint:
    entries: list[FeedEntry] = []
    anew, asked = False, here
    while True:
        page = client.feed(asked)
        if page is None:
            return here
        _check(page, asked)
        if page.start != asked:
            entries, anew = [], True
        entries += page.entries
        if page.next is None:
            break
        asked = page.next
    with runtime.database.sessions.begin() as session:
        operations.take_in(session, entries, page.head, anew=anew, by=_stamp(runtime))
    return page.head


def _check(page: FeedPage, asked: FeedPoint) -> None:
    """Believe only an answer to what was asked, and pages that lead on."""
    leads_on = page.next is None or page.start.seq < page.next.seq <= page.head.seq
    if page.after != asked or page.start not in {asked, BEGINNING} or not leads_on:
        raise NoAnswerError(reason="the answer is about another part of the feed")


def _tell(runtime: BranchRuntime, client: HqClient, here: FeedPoint, *, number: int, anyway: bool) -> None:
    """Tell HQ what it does not know; `anyway` also when that is nothing, so that both count alike again."""
    while True:
        with runtime.database.reads() as session:
            untold = queries.list_untold(session, limit=AT_ONCE)
            receipts = [queries.receipt_of(session, item) for item in untold]
        if not receipts and not anyway:
            return
        number, anyway = number + 1, False
        client.tell_feed(FeedReceipts(number=number, through=here, receipts=receipts))
        with runtime.database.sessions.begin() as session:
            operations.note_told(session, receipts, number)
