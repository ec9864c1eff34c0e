"""What every sync endpoint does: who signed, in which contact, and how answers and problems are given."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from hq_server.branches.models import Branch, BranchKey
from hq_server.branches.operations import note_contact
from hq_server.gate.contacts import Contact, take_contact
from hq_server.gate.errors import SyncRefusedError
from hq_server.runtime import HqRuntime
from shared.db.base import instant_text
from shared.db.space import NodeFullError, is_out_of_room
from shared.ids import is_id
from shared.stamp import Stamp, Via
from shared.web.context import runtime
from sync_protocol.catalog import CATALOG
from sync_protocol.contract.canonical import canonical_json
from sync_protocol.contract.codes import PROBLEM_CONTENT_TYPE, PROBLEM_TYPE, Problem
from sync_protocol.contract.keys import sign_message
from sync_protocol.contract.messages import to_json
from sync_protocol.contract.signing import (
    BEFORE_HEADER,
    CONTACT_HEADER,
    CYCLE_HEADER,
    NODE_HEADER,
    PENDING_HEADER,
    RECORDS_HEADER,
    BadSignatureError,
    Message,
    Signed,
    SkewError,
    UnknownKeyError,
    check_body,
    verify_head,
)

log = logging.getLogger(__name__)
MOST_CONTACTS: Final = 40
MOST_COUNT: Final = 2**31 - 1
MOST_DIGITS: Final = 12
BUSY_RETRY_S: Final = 10
FULL_RETRY_S: Final = 60


def sync_blueprint(name: str, module: str) -> Blueprint:
    """Return a blueprint under /sync/v1 that answers problems as the protocol's register says."""
    blueprint = Blueprint(name, module, url_prefix="/sync/v1")
    blueprint.register_error_handler(SyncRefusedError, refuse)
    blueprint.register_error_handler(OperationalError, refuse_for_now)
    blueprint.register_error_handler(PoolTimeoutError, refuse_for_now)
    blueprint.register_error_handler(MemoryError, refuse_for_now)
    blueprint.register_error_handler(RequestEntityTooLarge, refuse_oversize)
    blueprint.register_error_handler(NodeFullError, refuse_for_now)
    return blueprint


def authenticate(body: bytes, now: datetime) -> tuple[int, Signed]:
    """Return the number of the branch that signed this request; raises SyncRefusedError."""
    branch_number, signed = authenticate_head(now)
    demand_body(signed, body)
    return branch_number, signed


def demand_body(signed: Signed, body: bytes) -> None:
    """Raise SyncRefusedError unless `body` is the one that was signed."""
    try:
        check_body(signed, body)
    except BadSignatureError as error:
        raise SyncRefusedError(Problem.SIGNATURE, str(error)) from error


def authenticate_head(now: datetime) -> tuple[int, Signed]:
    """Return the number of the branch that signed this request, without reading its body; raises SyncRefusedError.

    Whoever reads the body must call `demand_body` before anything is made of it.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    message = Message(method=request.method, url=request.url, headers=headers, body=b"")
    with runtime().database.reads() as session:
        keys = _pinned_keys(session, headers.get(NODE_HEADER, ""), now)
    if not keys:
        raise SyncRefusedError(Problem.UNKNOWN_NODE)
    if request.method == "POST" and "idempotency-key" not in headers:
        raise SyncRefusedError(Problem.SIGNATURE, "Idempotency-Key is missing")
    try:
        signed = verify_head(message, public_keys={key: raw for key, (raw, _n) in keys.items()}, now=now)
    except UnknownKeyError as error:
        raise SyncRefusedError(Problem.UNKNOWN_NODE) from error
    except BadSignatureError as error:
        raise SyncRefusedError(Problem.SIGNATURE, str(error)) from error
    except SkewError as error:
        raise SyncRefusedError(Problem.CLOCK_SKEW, f"signed at {error}") from error
    return keys[signed.key_id][1], signed


def _pinned_keys(session: Session, node: str, now: datetime) -> Mapping[str, tuple[bytes, int]]:
    if not is_id(node):
        return {}
    rows = session.execute(
        select(BranchKey.key_id, BranchKey.public_key, Branch.number)
        .join(Branch, Branch.number == BranchKey.branch_number)
        .where(
            Branch.node_id == node,
            BranchKey.revoked_at.is_(None),
            or_(BranchKey.valid_until.is_(None), BranchKey.valid_until > now),
        )
    )
    return {key: (raw, number) for key, raw, number in rows}


def begin_contact(session: Session, branch: Branch) -> Contact:
    """Judge the contact a cycle begins with; a client that has never named one is taken as it is."""
    contact = request.headers.get(CONTACT_HEADER, "")
    before = [one for one in request.headers.get(BEFORE_HEADER, "").split(",") if one]
    if not contact and branch.contact_id is None:
        return Contact.ACCEPTED
    if not is_id(contact) or len(before) > MOST_CONTACTS:
        raise SyncRefusedError(Problem.MALFORMED, "contact")
    return take_contact(session, branch, contact, before, by=machine_stamp(branch.code))


def check_contact(branch: Branch) -> None:
    """Refuse a request that is not of the branch's present cycle: an old one on its way, or a copy's."""
    if branch.contact_id is not None and request.headers.get(CONTACT_HEADER) != branch.contact_id:
        raise SyncRefusedError(Problem.DUPLICATE, "another contact", last_contact=branch.contact_id)


def note_records(branch: Branch) -> None:
    """Write down which record types the branch sends here; one that does not say sends all."""
    told = request.headers.get(RECORDS_HEADER)
    known = None if told is None else [name for name in CATALOG if name in told.split(",")]
    if branch.record_types != known:
        branch.record_types = known


def note_heard(branch: Branch) -> None:
    """Write down that the branch was heard, and what it says of itself."""
    note_contact(
        branch,
        pending=header_count(PENDING_HEADER),
        cycle_ms=header_count(CYCLE_HEADER),
        by=machine_stamp(branch.code),
    )


def header_count(header: str) -> int:
    """Return the count a header tells; what is no count is 0."""
    text = request.headers.get(header, "0")
    # Python refuses to read numbers of thousands of digits, and no count has more than ten.
    return min(int(text[:MOST_DIGITS]), MOST_COUNT) if text.isascii() and text.isdigit() else 0


def machine_stamp(actor: str) -> Stamp:
    """Return the stamp of a change a branch's node asked for."""
    return Stamp(at=runtime().clock.now(), actor=actor, via=Via.SYNC, terminal=request.remote_addr or "")


def answer_signed(part: str, purpose: str, answer: msgspec.Struct) -> Response:
    """Answer with a message and HQ's signature of it for `purpose`."""
    body = to_json(answer)
    return answer_json(
        {part: body, "signature": sign_message(runtime(HqRuntime).identity.private_key, purpose, body)}
    )


def answer_json(document: Mapping[str, Any], status: int = 200) -> Response:
    """Answer with canonical JSON."""
    # Canonical, so that a receipt given twice is the same bytes twice.
    return Response(canonical_json(dict(document)), status, content_type="application/json")


def refuse(error: SyncRefusedError) -> ResponseReturnValue:
    """Answer with problem+json from the protocol's register."""
    kind = error.problem.value
    log.warning(
        "sync request refused",
        extra={"code": kind.code, "detail": error.detail, "node": request.headers.get(NODE_HEADER)},
    )
    document = {
        "type": PROBLEM_TYPE + kind.code,
        "title": kind.meaning,
        "status": kind.status,
        "detail": error.detail,
        "retry": kind.retry,
        "hq_time": instant_text(runtime().clock.now()),
        **error.members,
    }
    response = Response(canonical_json(document), kind.status, content_type=PROBLEM_CONTENT_TYPE)
    if error.problem is Problem.BUSY:
        full = runtime().space.is_full
        wait_s = error.members.get("wait_s", FULL_RETRY_S if full else BUSY_RETRY_S)
        response.headers["Retry-After"] = str(wait_s)
    return response


def refuse_for_now(error: Exception) -> ResponseReturnValue:
    """Ask the branch to come again: database or memory is full, away or too busy, and nothing was taken in."""
    log.error("the node did not take a delivery", exc_info=error)
    if is_out_of_room(error):
        runtime().space.run_full()
    return refuse(SyncRefusedError(Problem.BUSY))


def refuse_oversize(_error: RequestEntityTooLarge) -> ResponseReturnValue:
    """Answer a body over the view's limit as the register says."""
    return refuse(SyncRefusedError(Problem.TOO_LARGE))
