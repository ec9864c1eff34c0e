"""The endpoint where a branch tells where its operation log ends."""

from typing import Final

import msgspec
from flask import request
from flask.typing import ResponseReturnValue

from hq_server.branches.models import Branch
from hq_server.gate.errors import SyncRefusedError
from hq_server.gate.nonces import use_nonce
from hq_server.gate.requests import answer_signed, authenticate, check_contact, sync_blueprint
from hq_server.proof.log_heads import take_report
from hq_server.runtime import HqRuntime
from hq_server.upkeep.operations import take_counts
from shared.web.access import machine, takes_body
from shared.web.context import runtime
from sync_protocol.contract.canonical import NotCanonicalError, read_canonical
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.keys import LOG
from sync_protocol.contract.messages import LogReport

blueprint = sync_blueprint("sync_log", __name__)
MOST_BYTES: Final = 4096


@blueprint.put("/log")
@machine
@takes_body(MOST_BYTES)
def log() -> ResponseReturnValue:
    """Keep the end of the branch's log, or ask for the entry to compare first; keep what it has counted."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    body = request.get_data()
    branch_number, signed = authenticate(body, now)
    try:
        report = msgspec.convert(read_canonical(body), LogReport)
    except (NotCanonicalError, msgspec.ValidationError) as error:
        raise SyncRefusedError(Problem.MALFORMED, str(error)) from error
    with hq.database.sessions.begin() as session:
        use_nonce(session, signed, at=now)
        branch = session.get_one(Branch, branch_number, with_for_update=True)
        check_contact(branch)
        answer = take_report(session, branch, report, at=now)
        if report.upkeep is not None:
            take_counts(session, branch, report.upkeep, at=now)
    return answer_signed("log", LOG, answer)
