"""The sync endpoints. Branches sign every request; answers are JSON, problems RFC 9457."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from hq_server.branches.errors import EnrolmentRefusedError
from hq_server.branches.models import Branch, BranchKey
from hq_server.branches.operations import accept_node, note_contact
from hq_server.ingest.errors import SyncRefusedError
from hq_server.ingest.models import ChainPosition
from hq_server.ingest.nonces import use_nonce
from hq_server.ingest.operations import Delivery, check_delivery, receive_batch
from hq_server.runtime import HqRuntime
from shared.db.base import instant_text
from shared.ids import is_id
from shared.stamp import Stamp, Via
from shared.web.access import machine, takes_body
from shared.web.context import runtime
from sync_protocol.contract.canonical import NotCanonicalError, canonical_json, read_canonical
from sync_protocol.contract.codes import PROBLEM_CONTENT_TYPE, PROBLEM_TYPE, Problem
from sync_protocol.contract.keys import STATE, encode_key, public_key_of, sign_message
from sync_protocol.contract.messages import (
    ChannelState,
    EnrolmentAnswer,
    EnrolmentRequest,
    StateAnswer,
    to_json,
)
from sync_protocol.contract.payload import (
    MAX_WIRE_BYTES,
    Batch,
    MalformedBatchError,
    OversizeError,
    UnreadableProtocolError,
    decompress,
    parse_payload,
)
from sync_protocol.contract.signing import (
    CYCLE_HEADER,
    NODE_HEADER,
    PENDING_HEADER,
    BadSignatureError,
    Message,
    Signed,
    SkewError,
    UnknownKeyError,
    verify_request,
)
from sync_protocol.contract.versions import READABLE

log = logging.getLogger(__name__)
blueprint = Blueprint("sync", __name__, url_prefix="/sync/v1")
ENCODINGS: Final = ("zstd", "gzip", "identity")
MOST_ENROLMENT_BYTES: Final = 8_192
MOST_COUNT: Final = 2**31 - 1
MOST_DIGITS: Final = 12
BUSY_RETRY_S: Final = 10


@blueprint.post("/enrolments")
@machine
@takes_body(MOST_ENROLMENT_BYTES)
def enrol() -> ResponseReturnValue:
    """Pin the key of a node that shows a one-time code."""
    hq = runtime(HqRuntime)
    try:
        asked = msgspec.convert(read_canonical(request.get_data()), EnrolmentRequest)
    except (NotCanonicalError, msgspec.ValidationError) as error:
        raise SyncRefusedError(Problem.MALFORMED, str(error)) from error
    try:
        with hq.database.sessions.begin() as session:
            branch = accept_node(session, asked, by=_stamp("enrolment"))
            answer = EnrolmentAnswer(
                branch=branch.code,
                name=branch.name,
                hq=hq.identity.hq_id,
                hq_public_key=encode_key(public_key_of(hq.identity.private_key)),
                push_interval_s=branch.push_interval_s,
            )
    except EnrolmentRefusedError as error:
        raise SyncRefusedError(Problem.CODE_REFUSED) from error
    return _json(to_json(answer), 201)


@blueprint.get("/state")
@machine
def state() -> ResponseReturnValue:
    """Tell a branch where HQ stands in each of its channels; also how HQ knows that the branch lives."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    branch_number, signed = _authenticate(b"", now)
    with hq.database.sessions.begin() as session:
        use_nonce(session, signed, at=now)
        branch = session.get_one(Branch, branch_number)
        _note(branch)
        positions = session.scalars(select(ChainPosition).where(ChainPosition.branch_number == branch_number))
        answer = StateAnswer(
            branch=branch.code,
            hq=hq.identity.hq_id,
            at=instant_text(now),
            channels={
                row.channel: ChannelState(lineage=row.lineage, batch_no=row.batch_no, digest=row.digest)
                for row in positions
            },
            push_interval_s=branch.push_interval_s,
        )
    body = to_json(answer)
    return _json({"state": body, "signature": sign_message(hq.identity.private_key, STATE, body)})


@blueprint.post("/batches")
@machine
@takes_body(MAX_WIRE_BYTES)
def batches() -> ResponseReturnValue:
    """Take in one batch; answers with its receipt only when it is committed."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    body = request.get_data()
    branch_number, signed = _authenticate(body, now)
    key = request.headers.get("Idempotency-Key", "")
    batch = _read_batch(body)
    with hq.database.reads() as session:
        check_delivery(session.get_one(Branch, branch_number), batch, key)
    delivery = Delivery(branch_number=branch_number, batch=batch, wire_bytes=len(body), at=now)
    with hq.database.sessions.begin() as session:
        use_nonce(session, signed, at=now)
        answer = receive_batch(session, delivery, bindings=hq.bindings, identity=hq.identity)
        _note(session.get_one(Branch, branch_number))
    return _json(answer)


@blueprint.errorhandler(SyncRefusedError)
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
        response.headers["Retry-After"] = str(BUSY_RETRY_S)
    return response


@blueprint.errorhandler(OperationalError)
@blueprint.errorhandler(PoolTimeoutError)
def refuse_for_now(error: Exception) -> ResponseReturnValue:
    """Ask the branch to come again: the database is full, away or too busy, and nothing was taken in."""
    log.error("the database did not take a delivery", exc_info=error)
    return refuse(SyncRefusedError(Problem.BUSY))


@blueprint.errorhandler(RequestEntityTooLarge)
def refuse_oversize(_error: RequestEntityTooLarge) -> ResponseReturnValue:
    """Answer a body over the view's limit as the register says."""
    return refuse(SyncRefusedError(Problem.TOO_LARGE))


def _authenticate(body: bytes, now: datetime) -> tuple[int, Signed]:
    """Return the number of the branch that signed this request; raises SyncRefusedError."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    message = Message(method=request.method, url=request.url, headers=headers, body=body)
    with runtime().database.reads() as session:
        keys = _pinned_keys(session, headers.get(NODE_HEADER, ""))
    if not keys:
        raise SyncRefusedError(Problem.UNKNOWN_NODE)
    if request.method == "POST" and "idempotency-key" not in headers:
        raise SyncRefusedError(Problem.SIGNATURE, "Idempotency-Key is missing")
    try:
        signed = verify_request(message, public_keys={key: raw for key, (raw, _n) in keys.items()}, now=now)
    except UnknownKeyError as error:
        raise SyncRefusedError(Problem.UNKNOWN_NODE) from error
    except BadSignatureError as error:
        raise SyncRefusedError(Problem.SIGNATURE, str(error)) from error
    except SkewError as error:
        raise SyncRefusedError(Problem.CLOCK_SKEW, f"signed at {error}") from error
    return keys[signed.key_id][1], signed


def _pinned_keys(session: Session, node: str) -> Mapping[str, tuple[bytes, int]]:
    if not is_id(node):
        return {}
    rows = session.execute(
        select(BranchKey.key_id, BranchKey.public_key, Branch.number)
        .join(Branch, Branch.number == BranchKey.branch_number)
        .where(Branch.node_id == node, BranchKey.revoked_at.is_(None))
    )
    return {key: (raw, number) for key, raw, number in rows}


def _read_batch(body: bytes) -> Batch:
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding not in ENCODINGS:
        raise SyncRefusedError(Problem.ENCODING, encoding)
    try:
        return parse_payload(decompress(body, encoding))
    except MalformedBatchError as error:
        raise SyncRefusedError(Problem.MALFORMED, str(error)) from error
    except UnreadableProtocolError as error:
        raise SyncRefusedError(
            Problem.SCHEMA, f"protocol {error} is not read here", readable=list(READABLE)
        ) from error
    except OversizeError as error:
        raise SyncRefusedError(Problem.TOO_LARGE, f"more than {error} bytes unpacked") from error


def _note(branch: Branch) -> None:
    note_contact(
        branch, pending=_count(PENDING_HEADER), cycle_ms=_count(CYCLE_HEADER), by=_stamp(branch.code)
    )


def _count(header: str) -> int:
    text = request.headers.get(header, "0")
    # Python refuses to read numbers of thousands of digits, and no count has more than ten.
    return min(int(text[:MOST_DIGITS]), MOST_COUNT) if text.isascii() and text.isdigit() else 0


def _stamp(actor: str) -> Stamp:
    return Stamp(at=runtime().clock.now(), actor=actor, via=Via.SYNC, terminal=request.remote_addr or "")


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    # Canonical, so that a receipt given twice is the same bytes twice.
    return Response(canonical_json(dict(document)), status, content_type="application/json")
