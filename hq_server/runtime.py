"""What HQ's entry points need beyond what every node has."""

from dataclasses import dataclass

from hq_server.config import HqSettings
from shared.runtime import NodeRuntime
from sync_protocol.catalog import Bindings


@dataclass(frozen=True, slots=True)
class HqIdentity:
    """The id branches know HQ by, and the private key that signs its receipts."""

    hq_id: str
    private_key: bytes


@dataclass(frozen=True)
class HqRuntime(NodeRuntime):
    """The collaborators of the HQ server."""

    settings: HqSettings
    identity: HqIdentity
    bindings: Bindings
