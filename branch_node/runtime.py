"""What a branch's entry points need beyond what every node has."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from branch_node.config import BranchSettings, key_file
from shared.db.scope import FIRST
from shared.runtime import NodeRuntime
from sync_protocol.catalog import Bindings


@dataclass(frozen=True, slots=True)
class Request:
    """One request to HQ, signed already."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """HQ's answer; header names in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Transport(Protocol):
    """Carries a request to HQ and the answer back; raises NoAnswerError (outbound.transport) when either is lost."""

    def send(self, request: Request) -> Answer:
        """Send one request and wait for its answer, never without end."""
        ...


@dataclass(frozen=True)
class BranchRuntime(NodeRuntime):
    """The collaborators of a branch node; `uniform(low, high)` and `new_nonce()` are its randomness.

    `monotonic` measures spans; `receiver` is whom a cycle is for: the database, the bindings, the key and the contacts
    are those of one receiver.
    """

    settings: BranchSettings
    bindings: Bindings
    transport: Transport
    uniform: Callable[[float, float], float]
    new_nonce: Callable[[], str]
    monotonic: Callable[[], float] = field(default=time.monotonic, kw_only=True)
    receiver: str = field(default=FIRST, kw_only=True)
    every_binding: Bindings | None = field(default=None, kw_only=True)

    @property
    def all_bindings(self) -> Bindings:
        """Every record type this node holds, whoever the receiver is: a day is closed over all of them."""
        return self.every_binding or self.bindings

    def for_receiver(self, name: str, records: Collection[str]) -> Self:
        """Return this node as it is towards another receiver, which takes these record types."""
        every = self.all_bindings
        return replace(
            self,
            receiver=name,
            database=self.database.of(name),
            bindings={one: binding for one, binding in every.items() if one in records},
            every_binding=every,
        )

    @property
    def private_key(self) -> bytes:
        """The key this node signs with towards the receiver, read anew each time: another process may have changed it.

        Raises SetupError when it is missing.
        """
        return self.settings.home.read_key(key_file(self.receiver))
