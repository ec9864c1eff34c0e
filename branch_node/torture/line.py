"""The line between a branch and head office, and all that a line does to messages."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final, Protocol

from flask import Flask

from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, Request
from branch_node.torture.faults import KilledError

HQ_URL: Final = "http://127.0.0.1:8000"
PORTAL: Final = b"<html>Please sign in to the guest network</html>"
HTML: Final = {"content-type": "text/html"}
# The longest a message takes: half of them are slow ones, for the size of batches goes by it.
SLOWEST_S: Final = 10.0
KINDS: Final[Sequence[str]] = (
    "lose",
    "lose-answer",
    "repeat",
    "late",
    "repeat-late",
    "cut-answer",
    "change-answer",
    "portal",
    "gateway",
    "cut-request",
    "change-request",
)


class HeadOffice:
    """Carries requests to head office's app in this process; a killed one is up again at the next request."""

    def __init__(self, app: Flask, reopen: Callable[[], None], url: str = HQ_URL) -> None:
        """Deliver to `app` at `url`; `reopen` is called when the process was killed on the way."""
        self._app = app
        self._reopen = reopen
        self._url = url

    def send(self, request: Request) -> Answer:
        """Call the app as its web server would; raises NoAnswerError when it was killed."""
        try:
            response = self._app.test_client().open(
                request.url.removeprefix(self._url),
                method=request.method,
                base_url=self._url,
                headers=dict(request.headers),
                data=request.body,
                buffered=True,
            )
        except KilledError:
            self._reopen()
            raise NoAnswerError(reason="head office was killed") from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, response.data, headers)


class Carries(Protocol):
    """Carries a request to a receiver."""

    def send(self, request: Request) -> Answer:
        """Return the answer, or raise NoAnswerError."""


@dataclass
class Line:
    """One branch's line: loses, repeats, delays, reorders, cuts and changes messages, `rate` of them.

    `strike_in` is how many messages from now the branch is killed while it waits for the answer; 0: never.
    `seconds` is what its messages have taken together, as the randomness has it.
    """

    office: Carries
    rng: Random
    faults: Counter[str]
    rate: float = 0.0
    strike_in: int = 0
    sent: int = 0
    seconds: float = 0.0
    strike: Callable[[], BaseException] = KilledError
    _held: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Answer:
        """Carry one request, or not."""
        self.sent += 1
        self.seconds += self.rng.uniform(0.0, SLOWEST_S)
        if self.strike_in:
            self.strike_in -= 1
            if not self.strike_in:
                raise self.strike()
        if self.rng.random() >= self.rate:
            return self.office.send(request)
        kind = self.rng.choice(KINDS)
        self.faults[kind] += 1
        return self._spoil(kind, request)

    def deliver_late(self) -> None:
        """Deliver what was held back, in any order, long after its sender gave up."""
        held, self._held = self._held, []
        self.rng.shuffle(held)
        for request in held:
            try:
                self.office.send(request)
            except NoAnswerError:
                continue

    def _spoil(self, kind: str, request: Request) -> Answer:
        if kind in {"portal", "gateway"}:
            return Answer(200 if kind == "portal" else 502, PORTAL, HTML)
        if kind in {"late", "repeat-late"}:
            self._held.append(request)
        if kind in {"lose", "late"}:
            raise NoAnswerError(reason=kind)
        if kind == "cut-request":
            return self.office.send(replace(request, body=request.body[: len(request.body) // 2]))
        if kind == "change-request":
            return self.office.send(replace(request, body=self._changed(request.body)))
        return self._spoil_answer(kind, request)

    def _spoil_answer(self, kind: str, request: Request) -> Answer:
        answer = self.office.send(request)
        if kind == "repeat":
            self.office.send(request)
        if kind == "lose-answer":
            raise NoAnswerError(reason=kind)
        if kind == "cut-answer":
            return replace(answer, body=answer.body[: self.rng.randrange(len(answer.body) or 1)])
        return replace(answer, body=self._changed(answer.body)) if kind == "change-answer" else answer

    def _changed(self, body: bytes) -> bytes:
        changed = bytearray(body or b"x")
        changed[self.rng.randrange(len(changed))] ^= 0x20
        return bytes(changed)
