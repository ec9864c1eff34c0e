"""The sync endpoints. Branches sign every request; answers are JSON, problems RFC 9457."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hq_server.branches.alarms import FORK_DETECTED, HQ_BEHIND, VERSION_UNREAD
from hq_server.branches.errors import EnrolmentRefusedError
from hq_server.branches.models import Branch
from hq_server.branches.operations import accept_node
from hq_server.gate.admission import ask_for_turn, let_in
from hq_server.gate.contacts import Contact
from hq_server.gate.errors import SyncRefusedError
from hq_server.gate.nonces import use_nonce
from hq_server.gate.requests import (
    answer_json,
    answer_signed,
    authenticate,
    authenticate_head,
    begin_contact,
    check_contact,
    demand_body,
    header_count,
    machine_stamp,
    note_heard,
    note_records,
    sync_blueprint,
)
from hq_server.ingest.lineages import state_of
from hq_server.ingest.operations import Delivery, check_delivery, receive_batch
from hq_server.proof.own_log import own_end, take_witness
from hq_server.runtime import HqRuntime
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.alarms.queries import find_open
from shared.web.access import machine, takes_body
from shared.web.context import runtime
from sync_protocol.contract.canonical import NotCanonicalError, read_canonical
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.keys import STATE, encode_key, public_key_of
from sync_protocol.contract.messages import BatchHeader, EnrolmentAnswer, EnrolmentRequest, to_json
from sync_protocol.contract.payload import (
    MAX_WIRE_BYTES,
    Batch,
    MalformedBatchError,
    OversizeError,
    UnreadableProtocolError,
    decompress,
    parse_payload,
)
from sync_protocol.contract.signing import HQ_LOG_HEADER, OFFERED_HEADER, Signed
from sync_protocol.contract.versions import READABLE, ending_headers

blueprint = sync_blueprint("sync", __name__)
ENCODINGS: Final = ("zstd", "gzip", "identity")
MOST_ENROLMENT_BYTES: Final = 8_192


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
            branch = accept_node(session, asked, by=machine_stamp("enrolment"))
            answer = EnrolmentAnswer(
                branch=branch.code,
                name=branch.name,
                hq=hq.identity.hq_id,
                hq_public_key=encode_key(public_key_of(hq.identity.private_key)),
                push_interval_s=branch.push_interval_s,
            )
    except EnrolmentRefusedError as error:
        raise SyncRefusedError(Problem.CODE_REFUSED) from error
    return answer_json(to_json(answer), 201)


@blueprint.get("/state")
@machine
def state() -> ResponseReturnValue:
    """Tell a branch where HQ stands in each of its channels; also how HQ knows that the branch lives."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    branch_number, signed = authenticate(b"", now)
    ask_for_turn(branch_number)
    with hq.database.sessions.begin() as session:
        use_nonce(session, signed, at=now)
        branch = session.get_one(Branch, branch_number, with_for_update=True)
        contact = begin_contact(session, branch)
        if contact is Contact.ACCEPTED:
            note_heard(branch)
            note_records(branch)
        answer = state_of(session, branch, hq.identity.hq_id, now, bindings=hq.bindings)
        if contact is Contact.ACCEPTED:
            brought = request.headers.get(HQ_LOG_HEADER, "")
            fault = take_witness(session, branch, brought, identity=hq.identity, at=now)
            end = own_end(session, hq.identity, at=now)
            answer = msgspec.structs.replace(answer, log=end, log_fault=fault)
    if contact is not Contact.ACCEPTED:
        raise SyncRefusedError(Problem.DUPLICATE, contact.value, last_contact=branch.contact_id)
    return answer_signed("state", STATE, answer)


@blueprint.post("/batches")
@machine
@takes_body(MAX_WIRE_BYTES)
def batches() -> ResponseReturnValue:
    """Take in one batch; answers with its receipt only when it is committed."""
    hq = runtime(HqRuntime)
    hq.space.check()
    now = hq.clock.now()
    branch_number, signed = authenticate_head(now)
    with let_in(branch_number):
        body = request.get_data()
        demand_body(signed, body)
        batch = _read_batch(body)
        _check(hq, branch_number, batch, now)
        delivery = Delivery(branch_number=branch_number, batch=batch, wire_bytes=len(body), at=now)
        answer = answer_json(_take_in(hq, delivery, signed))
    answer.headers.update(ending_headers(batch.header.record, batch.header.schema))
    return answer


def _take_in(hq: HqRuntime, delivery: Delivery, signed: Signed) -> Mapping[str, Any]:
    branch_number, now = delivery.branch_number, delivery.at
    try:
        with hq.database.sessions.begin() as session:
            use_nonce(session, signed, at=now)
            branch = session.get_one(Branch, branch_number)
            check_contact(branch)
            answer = receive_batch(session, delivery, bindings=hq.bindings, identity=hq.identity)
            note_heard(branch)
            _note_offered_again(session, branch)
            _note_version_read(session, delivery)
    except SyncRefusedError as error:
        if error.problem is Problem.FORK:
            _tell_of_fork(delivery, error.detail)
        raise
    return answer


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


def _note_offered_again(session: Session, branch: Branch) -> None:
    batches = header_count(OFFERED_HEADER)
    if batches:
        raise_alarm(
            session,
            HQ_BEHIND,
            ("branch", branch.code),
            at=runtime().clock.now(),
            details={"batches": batches},
        )


def _check(hq: HqRuntime, branch_number: int, batch: Batch, now: datetime) -> None:
    """Refuse a batch that is not this branch's, or not read here; people are told of a version."""
    key = request.headers.get("Idempotency-Key", "")
    try:
        with hq.database.reads() as session:
            branch = session.get_one(Branch, branch_number)
            check_delivery(session, branch, batch, key, bindings=hq.bindings)
    except SyncRefusedError as error:
        if error.problem is Problem.SCHEMA:
            _tell_of_version(error, batch.header, now)
        raise


def _note_version_read(session: Session, delivery: Delivery) -> None:
    header = delivery.batch.header
    about = ("branch", header.branch)
    told = find_open(session, VERSION_UNREAD, about)
    if told is not None and told.details.get("record") == header.record:
        clear_alarm(session, VERSION_UNREAD, about, at=delivery.at)


def _tell_of_version(error: SyncRefusedError, header: BatchHeader, at: datetime) -> None:
    """Keep an alarm record of a version that is not read here."""
    details = {"record": header.record, "version": header.schema, "detail": error.detail}
    with runtime().database.sessions.begin() as session:
        raise_alarm(session, VERSION_UNREAD, ("branch", header.branch), at=at, details=details)


def _tell_of_fork(delivery: Delivery, detail: str) -> None:
    """Keep an alarm record of a fork; the transaction that found it has been rolled back."""
    header = delivery.batch.header
    details = {"channel": header.channel, "batch_no": header.batch_no, "detail": detail}
    with runtime().database.sessions.begin() as session:
        raise_alarm(session, FORK_DETECTED, ("branch", header.branch), at=delivery.at, details=details)
