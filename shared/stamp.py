"""Who did it, when, and from where: made once at the entry point and handed down."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Via(StrEnum):
    """The door an act came through."""

    WEB = "web"
    COMMAND = "command"
    JOB = "job"
    SYNC = "sync"
    API = "api"


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who and when of one act; `at` is aware UTC, `terminal` the address or host it came from.

    `actor_id` is the user when there is one, `manager_id` the account manager this user is.
    """

    at: datetime
    actor: str
    via: Via
    terminal: str = ""
    actor_id: str | None = None
    manager_id: str | None = None
