"""The endpoint by which a node announces its next key."""

from typing import Final

import msgspec
from flask import request
from flask.typing import ResponseReturnValue

from hq_server.branches.errors import KeyTakenError
from hq_server.branches.keys import pin_next
from hq_server.branches.models import Branch
from hq_server.gate.errors import SyncRefusedError
from hq_server.gate.nonces import use_nonce
from hq_server.gate.requests import (
    answer_signed,
    authenticate,
    check_contact,
    machine_stamp,
    sync_blueprint,
)
from hq_server.runtime import HqRuntime
from shared.db.base import instant_text
from shared.web.access import machine, takes_body
from shared.web.context import runtime
from sync_protocol.contract.canonical import NotCanonicalError, read_canonical
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.keys import NEXT_KEY, WrongSignatureError, check_message, decode_key, key_id
from sync_protocol.contract.messages import KeyAnswer, KeyRequest

blueprint = sync_blueprint("sync_keys", __name__)
MOST_KEY_BYTES: Final = 2_048


@blueprint.put("/keys/<key>")
@machine
@takes_body(MOST_KEY_BYTES)
def announce(key: str) -> ResponseReturnValue:
    """Take the next key of a node, told under its present one; the same again gets the same answer."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    body = request.get_data()
    branch_number, signed = authenticate(body, now)
    with hq.database.sessions.begin() as session:
        use_nonce(session, signed, at=now)
        branch = session.get_one(Branch, branch_number, with_for_update=True)
        check_contact(branch)
        public_key = _proven_key(body, key, node=branch.node_id or "")
        try:
            until = pin_next(
                session, branch, public_key, signed_by=signed.key_id, by=machine_stamp(branch.code)
            )
        except KeyTakenError as error:
            raise SyncRefusedError(Problem.MALFORMED, "the key was pinned before") from error
    return answer_signed("key", NEXT_KEY, KeyAnswer(key=key, overlap_until=instant_text(until)))


def _proven_key(body: bytes, key: str, *, node: str) -> bytes:
    """Return the announced key; raises SyncRefusedError unless the node proved to hold it."""
    try:
        asked = msgspec.convert(read_canonical(body), KeyRequest)
        public_key = decode_key(asked.public_key)
        check_message(public_key, NEXT_KEY, {"node": node, "public_key": asked.public_key}, asked.proof)
    except (NotCanonicalError, msgspec.ValidationError, WrongSignatureError, ValueError) as error:
        raise SyncRefusedError(Problem.MALFORMED, f"key: {error}") from error
    if key_id(public_key) != key:
        raise SyncRefusedError(Problem.MALFORMED, "the address names another key")
    return public_key
