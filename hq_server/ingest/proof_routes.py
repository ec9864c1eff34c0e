"""The endpoint where a branch tells single rows of what a barrier has shown to differ."""

from typing import Final

import msgspec
from flask import request
from flask.typing import ResponseReturnValue

from hq_server.branches.models import Branch
from hq_server.gate.admission import let_in
from hq_server.gate.errors import SyncRefusedError
from hq_server.gate.nonces import use_nonce
from hq_server.gate.requests import (
    answer_signed,
    authenticate_head,
    check_contact,
    demand_body,
    sync_blueprint,
)
from hq_server.ingest import proving
from hq_server.proof import operations as proof
from hq_server.runtime import HqRuntime
from shared.web.access import machine, takes_body
from shared.web.context import runtime
from sync_protocol.contract.canonical import NotCanonicalError, read_canonical
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.keys import COMPARE
from sync_protocol.contract.messages import CompareRequest
from sync_protocol.contract.payload import MAX_WIRE_BYTES, MalformedBatchError, OversizeError, decompress

blueprint = sync_blueprint("sync_proof", __name__)
ENCODINGS: Final = ("zstd", "gzip", "identity")


@blueprint.post("/compare")
@machine
@takes_body(MAX_WIRE_BYTES)
def compare() -> ResponseReturnValue:
    """Name the rows that differ: those the branch shall send again, and those it has no more."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    branch_number, signed = authenticate_head(now)
    with let_in(branch_number):
        body = request.get_data()
        demand_body(signed, body)
        asked = _read(body)
        binding = hq.bindings.get(asked.record)
        if binding is None:
            raise SyncRefusedError(Problem.SCHEMA, f"record {asked.record} is not known here")
        with hq.database.sessions.begin() as session:
            use_nonce(session, signed, at=now)
            check_contact(session.get_one(Branch, branch_number))
            if asked.schema in binding.record.reads:
                binding = binding.at_version(asked.schema)
            holder = proving.holder(session, branch_number, binding)
            answer = proof.compare_rows(session, holder, asked, at=now)
    return answer_signed("compare", COMPARE, answer)


def _read(body: bytes) -> CompareRequest:
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding not in ENCODINGS:
        raise SyncRefusedError(Problem.ENCODING, encoding)
    try:
        return msgspec.convert(read_canonical(decompress(body, encoding)), CompareRequest)
    except (MalformedBatchError, NotCanonicalError, msgspec.ValidationError) as error:
        raise SyncRefusedError(Problem.MALFORMED, str(error)) from error
    except OversizeError as error:
        raise SyncRefusedError(Problem.TOO_LARGE, f"more than {error} bytes unpacked") from error
