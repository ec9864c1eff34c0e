"""What HQ's entry points need beyond what every node has."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from random import SystemRandom

from hq_server.config import HqSettings
from hq_server.intake import Intake
from shared.runtime import NodeRuntime
from sync_protocol.catalog import Bindings


@dataclass(frozen=True, slots=True)
class HqIdentity:
    """The id branches know HQ by, and the private key that signs its receipts."""

    hq_id: str
    private_key: bytes = field(repr=False)


@dataclass(frozen=True)
class HqRuntime(NodeRuntime):
    """The collaborators of the HQ server; `monotonic` measures spans, `uniform(low, high)` is its randomness."""

    settings: HqSettings
    identity: HqIdentity
    bindings: Bindings
    monotonic: Callable[[], float] = field(default=time.monotonic, kw_only=True)
    uniform: Callable[[float, float], float] = field(default=SystemRandom().uniform, kw_only=True)

    def __post_init__(self) -> None:
        """Make the one intake before threads ask for it."""
        _made = self.intake

    @cached_property
    def intake(self) -> Intake:
        """Who is let in to deliver."""
        return Intake(self.settings.intake_slots, monotonic=self.monotonic, uniform=self.uniform)
