"""The endpoint that tells a branch which of its records are parked, and why."""

from flask import request
from flask.typing import ResponseReturnValue

from hq_server.branches.models import Branch
from hq_server.gate.errors import SyncRefusedError
from hq_server.gate.nonces import use_nonce
from hq_server.gate.requests import MOST_DIGITS, answer_signed, authenticate, check_contact, sync_blueprint
from hq_server.parking.queries import read_page
from hq_server.runtime import HqRuntime
from shared.web.access import machine
from shared.web.context import runtime
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.keys import PARKED

blueprint = sync_blueprint("sync_parked", __name__)


@blueprint.get("/parked")
@machine
def parked() -> ResponseReturnValue:
    """Tell a branch which of its rows are parked, oldest first, a page at a time."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    branch_number, signed = authenticate(b"", now)
    after = request.args.get("after", "0")
    if not (after.isascii() and after.isdecimal()):
        raise SyncRefusedError(Problem.MALFORMED, "after")
    with hq.database.sessions.begin() as session:
        use_nonce(session, signed, at=now)
        check_contact(session.get_one(Branch, branch_number))
        page = read_page(session, branch_number, after=int(after[:MOST_DIGITS]))
    return answer_signed("parked", PARKED, page)
