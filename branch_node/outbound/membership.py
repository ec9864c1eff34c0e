"""Joining HQ: one exchange over the network, then one row that says which branch this node is."""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from branch_node.config import key_file
from branch_node.outbound import keys, operations, queries
from branch_node.outbound.client import Credentials, HqClient
from branch_node.outbound.errors import AlreadyMemberError
from branch_node.outbound.models import Membership
from branch_node.proof.operations import demand
from branch_node.receivers.errors import OtherReceiverError
from branch_node.receivers.operations import add_receiver, check_name, check_records
from branch_node.runtime import BranchRuntime
from shared.config import check_remote
from shared.errors import N_, SetupError
from shared.stamp import Stamp
from sync_protocol.contract.keys import new_private_key
from sync_protocol.contract.messages import EnrolmentAnswer

JOINED: Final = "joined"
DEFAULT_PORTS = {"http": 80, "https": 443}


def join_hq(runtime: BranchRuntime, hq_url: str, code: str, *, by: Stamp, again: bool = False) -> Membership:
    """Become the branch HQ enrolled; when the answer is lost, the same code may be shown again by this node.

    `again` joins a branch's node once more, under a new key: its own was lost or revoked, or HQ does not know it.
    Its data, its history and what waits to go stay. Raises SetupError for an address that is not safe,
    AlreadyMemberError, NoAnswerError and HqRefusedError.
    """
    url = plain_url(hq_url)
    check_remote(url, allow_plain_http=runtime.settings.allow_plain_http)
    with runtime.database.reads() as session:
        present = queries.find_membership(session)
    if present is not None and not again:
        raise AlreadyMemberError(branch=present.branch_code)
    node = runtime.settings.node_id
    answer = _enrol(runtime, url, code, present)
    with runtime.database.sessions.begin() as session:
        if present is None:
            return operations.remember_membership(session, answer, node_id=node, hq_url=url, by=by)
        member = operations.renew_membership(session, answer, node_id=node, hq_url=url, by=by)
    keys.put_in_place(runtime, by=by)
    return member


def join_receiver(
    runtime: BranchRuntime, name: str, records: Collection[str], hq_url: str, code: str, *, by: Stamp
) -> Membership:
    """Send these record types to another receiver too, from now on and from the first row on, beside head office.

    Its key, its chain and its history are its own. One that was removed may be joined again under its name; one that
    is joined already gets a new key and, should they have changed, other record types. Raises as `join_hq`, and
    ReceiverNameError, RecordsUnknownError, OtherReceiverError.
    """
    url = plain_url(hq_url)
    check_remote(url, allow_plain_http=runtime.settings.allow_plain_http)
    view = runtime.for_receiver(check_name(name), check_records(records, runtime.bindings))
    with view.database.reads() as session:
        present = queries.find_membership(session)
        if queries.is_taken(session, url):
            raise OtherReceiverError(name=url)
    answer = _enrol(view, url, code, present)
    if present is not None and answer.hq != present.hq_id:
        raise OtherReceiverError(name=name)
    node = runtime.settings.node_id
    with view.database.sessions.begin() as session:
        remember = operations.remember_membership if present is None else operations.renew_membership
        member = remember(session, answer, node_id=node, hq_url=url, by=by)
        add_receiver(session, name, list(view.bindings), runtime.bindings, by=by)
        demand(session, view.bindings, JOINED)
    if present is not None:
        keys.put_in_place(view, by=by)
    return member


def _enrol(view: BranchRuntime, url: str, code: str, present: Membership | None) -> EnrolmentAnswer:
    home = view.settings.home
    if present is None and not home.has_key(key_file(view.receiver)):
        home.write_key(key_file(view.receiver), new_private_key())
    key = view.private_key if present is None else keys.make_next(home, view.receiver)
    credentials = Credentials(node=view.settings.node_id, private_key=key, hq_url=url)
    client = HqClient(view.transport, credentials, view.clock, view.new_nonce)
    return client.enrol(code, branch=present.branch_code if present else None)


def plain_url(url: str) -> str:
    """Return an address in the one form both ends sign: host in lower case, no usual port, no final slash."""
    parts = urlsplit(url.strip())
    try:
        number = parts.port
    except ValueError:
        raise SetupError(problem=f"{url}: {N_('the port is no number')}") from None
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = "" if number in {None, DEFAULT_PORTS.get(parts.scheme)} else f":{number}"
    return f"{parts.scheme.lower()}://{host}{port}{parts.path.rstrip('/')}"
