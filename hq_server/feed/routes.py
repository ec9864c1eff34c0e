"""The endpoints of the feed: what is published, and what branches tell of it."""

from typing import Final

import msgspec
from flask import Response, request
from flask.typing import ResponseReturnValue

from hq_server.branches.models import Branch
from hq_server.feed.queries import read_page
from hq_server.feed.receipts import keep_receipts
from hq_server.gate.errors import SyncRefusedError
from hq_server.gate.nonces import use_nonce
from hq_server.gate.requests import answer_signed, authenticate, check_contact, sync_blueprint
from hq_server.runtime import HqRuntime
from shared.web.access import machine, takes_body
from shared.web.context import runtime
from sync_protocol.contract.canonical import NotCanonicalError, read_canonical
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.feed import MOST_RECEIPT_BYTES, FeedPoint, FeedReceipts, FeedReceiptsAnswer
from sync_protocol.contract.fields import is_instant
from sync_protocol.contract.keys import FEED, FEED_RECEIPTS

blueprint = sync_blueprint("sync_feed", __name__)
NOT_MODIFIED: Final = 304
MOST_DIGITS: Final = 18


@blueprint.get("/feed")
@machine
def feed() -> ResponseReturnValue:
    """Give a branch what was published after the place it names, a page at a time."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    branch_number, signed = authenticate(b"", now)
    after = _place()
    with hq.database.sessions.begin() as session:
        use_nonce(session, signed, at=now)
        branch = session.get_one(Branch, branch_number)
        check_contact(branch)
        page = read_page(session, branch, after)
    # What a place is answered with follows from the head alone.
    tag = page.head.digest
    known = tag and tag in request.if_none_match
    response = Response(status=NOT_MODIFIED) if known else answer_signed("feed", FEED, page)
    response.set_etag(tag)
    return response


@blueprint.post("/feed/receipts")
@machine
@takes_body(MOST_RECEIPT_BYTES)
def receipts() -> ResponseReturnValue:
    """Keep what a branch tells of published items; the same again changes nothing."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    body = request.get_data()
    branch_number, signed = authenticate(body, now)
    told = _read(body)
    with hq.database.sessions.begin() as session:
        use_nonce(session, signed, at=now)
        branch = session.get_one(Branch, branch_number, with_for_update=True)
        check_contact(branch)
        keep_receipts(session, branch, told, at=now)
        answer = FeedReceiptsAnswer(branch=branch.code, number=told.number)
    return answer_signed("kept", FEED_RECEIPTS, answer)


def _place() -> FeedPoint:
    after, digest = request.args.get("after", "0"), request.args.get("digest", "")
    try:
        if not (after.isascii() and after.isdecimal() and len(after) <= MOST_DIGITS):
            raise SyncRefusedError(Problem.MALFORMED, "after")
        return msgspec.convert({"seq": int(after), "digest": digest}, FeedPoint)
    except msgspec.ValidationError as error:
        raise SyncRefusedError(Problem.MALFORMED, f"digest: {error}") from error


def _read(body: bytes) -> FeedReceipts:
    try:
        told = msgspec.convert(read_canonical(body), FeedReceipts)
    except (NotCanonicalError, msgspec.ValidationError) as error:
        raise SyncRefusedError(Problem.MALFORMED, str(error)) from error
    for receipt in told.receipts:
        instants = [receipt.received_at, *([receipt.applied_at] if receipt.applied_at else [])]
        if not all(is_instant(one) for one in instants):
            raise SyncRefusedError(Problem.MALFORMED, f"receipt of {receipt.id}: not an instant")
    return told
