"""The endpoints for a branch whose history differs from ours: the common point, rows given back, a new beginning."""

from typing import Final

import msgspec
from flask import request
from flask.typing import ResponseReturnValue

from hq_server.branches.models import Branch
from hq_server.gate.errors import SyncRefusedError
from hq_server.gate.nonces import use_nonce
from hq_server.gate.requests import (
    MOST_DIGITS,
    answer_signed,
    authenticate,
    check_contact,
    machine_stamp,
    sync_blueprint,
)
from hq_server.ingest import lineages
from hq_server.runtime import HqRuntime
from shared.ids import is_id
from shared.web.access import machine, takes_body
from shared.web.context import runtime
from sync_protocol.catalog import CATALOG, CHANNELS
from sync_protocol.contract.canonical import NotCanonicalError, read_canonical
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.keys import CHAIN, RECOVERY, STATE
from sync_protocol.contract.messages import MOST_LINEAGE, LineageRequest

blueprint = sync_blueprint("sync_lineages", __name__)
MOST_LINEAGE_BYTES: Final = 8_192
LONGEST_VERSION: Final = 5


@blueprint.get("/chain")
@machine
def chain() -> ResponseReturnValue:
    """Tell a branch which batches of a channel HQ holds, so that it finds the last one both hold."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    branch_number, signed = authenticate(b"", now)
    channel, below = request.args.get("channel", ""), request.args.get("below", "")
    if channel not in CHANNELS or (below and not below.isdecimal()):
        raise SyncRefusedError(Problem.MALFORMED, "channel or below")
    with hq.database.sessions.begin() as session:
        use_nonce(session, signed, at=now)
        check_contact(session.get_one(Branch, branch_number))
        page = lineages.read_chain(
            session, branch_number, channel, below=int(below[:MOST_DIGITS]) if below else None
        )
    return answer_signed("chain", CHAIN, page)


@blueprint.get("/recovery")
@machine
def recovery() -> ResponseReturnValue:
    """Give a branch that was set back the rows it had sent after the last batch both hold."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    branch_number, signed = authenticate(b"", now)
    record, above = request.args.get("record", ""), request.args.get("above", "")
    numbers = [request.args.get(name, "") for name in ("lineage", "batch_no")]
    if record not in CATALOG or not all(one.isdecimal() for one in numbers) or (above and not is_id(above)):
        raise SyncRefusedError(Problem.MALFORMED, "record, lineage, batch_no or above")
    channel = request.args.get("channel", CATALOG[record].channel)
    after = lineages.Point(channel, *(int(one[:MOST_DIGITS]) for one in numbers))
    with hq.database.sessions.begin() as session:
        use_nonce(session, signed, at=now)
        check_contact(session.get_one(Branch, branch_number))
        binding = hq.bindings[record]
        page = lineages.read_recovery(
            session, branch_number, binding, after=after, above=above, schema=_schema(binding.record.version)
        )
    return answer_signed("recovery", RECOVERY, page)


def _schema(own: int) -> int:
    """Return the version in which rows are wanted; a client that says nothing is of the first."""
    asked = request.args.get("schema", "1")
    return max(1, int(asked)) if asked.isdecimal() and len(asked) < LONGEST_VERSION else own


@blueprint.put("/lineages/<int:number>")
@machine
@takes_body(MOST_LINEAGE_BYTES)
def open_lineage(number: int) -> ResponseReturnValue:
    """Begin a new history of a branch whose database was set back; answers as `GET /state` does."""
    hq = runtime(HqRuntime)
    now = hq.clock.now()
    body = request.get_data()
    branch_number, signed = authenticate(body, now)
    try:
        asked = msgspec.convert(read_canonical(body), LineageRequest)
    except (NotCanonicalError, msgspec.ValidationError) as error:
        raise SyncRefusedError(Problem.MALFORMED, str(error)) from error
    if not 0 < number <= MOST_LINEAGE:
        raise SyncRefusedError(Problem.MALFORMED, "lineage")
    with hq.database.sessions.begin() as session:
        use_nonce(session, signed, at=now)
        branch = session.get_one(Branch, branch_number, with_for_update=True)
        check_contact(branch)
        lineages.open_lineage(session, branch, number, asked, by=machine_stamp(branch.code))
        session.flush()
        answer = lineages.state_of(session, branch, hq.identity.hq_id, now, bindings=hq.bindings)
    return answer_signed("state", STATE, answer)
