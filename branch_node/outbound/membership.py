"""Joining HQ: one exchange over the network, then one row that says which branch this node is."""

from urllib.parse import urlsplit

from branch_node.outbound import keys, operations, queries
from branch_node.outbound.client import Credentials, HqClient
from branch_node.outbound.errors import AlreadyMemberError
from branch_node.outbound.models import Membership
from branch_node.runtime import BranchRuntime
from shared.config import check_remote
from shared.errors import N_, SetupError
from shared.stamp import Stamp

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
    key = keys.make_next(runtime.settings.home) if present is not None else runtime.private_key
    credentials = Credentials(node=node, private_key=key, hq_url=url)
    client = HqClient(runtime.transport, credentials, runtime.clock, runtime.new_nonce)
    answer = client.enrol(code, branch=present.branch_code if present else None)
    with runtime.database.sessions.begin() as session:
        if present is None:
            return operations.remember_membership(session, answer, node_id=node, hq_url=url, by=by)
        member = operations.renew_membership(session, answer, node_id=node, hq_url=url, by=by)
    keys.put_in_place(runtime, by=by)
    return member


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
