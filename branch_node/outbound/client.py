"""Talking to HQ: signed requests out, checked answers in; nothing is believed that HQ's key did not sign."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from branch_node.outbound.contacts import Contact
from branch_node.outbound.models import Membership
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, BranchRuntime, Request, Transport
from shared.clock import Clock
from shared.errors import N_, BranchlineError, Kind
from sync_protocol.catalog import CATALOG
from sync_protocol.contract.canonical import canonical_json
from sync_protocol.contract.codes import Problem, find_problem
from sync_protocol.contract.feed import FeedPage, FeedPoint, FeedReceipts, FeedReceiptsAnswer
from sync_protocol.contract.keys import (
    CHAIN,
    COMPARE,
    ENROLMENT,
    FEED,
    FEED_RECEIPTS,
    LOG,
    NEXT_KEY,
    PARKED,
    RECEIPT,
    RECOVERY,
    STATE,
    WrongSignatureError,
    check_message,
    encode_key,
    key_id,
    public_key_of,
    sign_message,
)
from sync_protocol.contract.messages import (
    ChainPage,
    CompareAnswer,
    CompareRequest,
    EnrolmentAnswer,
    EnrolmentRequest,
    KeyAnswer,
    KeyRequest,
    LineageRequest,
    LogAnswer,
    LogReport,
    ParkedPage,
    Receipt,
    RecoveryPage,
    StateAnswer,
    to_json,
)
from sync_protocol.contract.payload import CONTENT_TYPE, compress
from sync_protocol.contract.signing import (
    BEFORE_HEADER,
    CONTACT_HEADER,
    CYCLE_HEADER,
    HQ_LOG_HEADER,
    NODE_HEADER,
    OFFERED_HEADER,
    PENDING_HEADER,
    RECORDS_HEADER,
    Message,
    sign_request,
)

log = logging.getLogger(__name__)
OK: Final = (200, 201)
NOT_MODIFIED: Final = 304
SERVER_ERRORS: Final = 500
TOO_MANY: Final = 429
# Digits of a Retry-After that can be meant.
LONGEST_WAIT: Final = 6
M = TypeVar("M", bound=msgspec.Struct)


class HqRefusedError(BranchlineError):
    """HQ answered, and refused; `params["problem"]` is the code of the protocol's register."""

    code = "hq-refused"
    kind = Kind.CONFLICT
    message = N_("Head office refused the delivery (%(problem)s): %(detail)s")

    def __init__(
        self, problem: str, detail: str, *, retry: bool, wait_s: int | None, members: Mapping[str, Any]
    ) -> None:
        """Keep what HQ said; `wait_s` is its Retry-After."""
        super().__init__(problem=problem, detail=detail)
        self.problem = problem
        self.retry = retry
        self.wait_s = wait_s
        self.members = members

    @property
    def place(self) -> int | None:
        """How many branches HQ takes in before this one; None when that is not why it refused."""
        place = self.members.get("place")
        busy = self.problem == Problem.BUSY.value.code and self.wait_s is not None
        return place if busy and isinstance(place, int) else None


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who this node is to HQ, and HQ's key once it is known."""

    node: str
    private_key: bytes = field(repr=False)
    hq_url: str
    hq_public_key: bytes = b""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the branch tells of itself with every request.

    Changes left when it is answered, the last cycle's length, and how many batches HQ had lost.
    """

    pending: int = 0
    cycle_ms: int = 0
    offered_again: int = 0


@dataclass(frozen=True, slots=True)
class After:
    """A place in a channel's chain at HQ; (0, 0) is before its beginning."""

    channel: str
    lineage: int
    batch_no: int


class HqClient:
    """The requests of the protocol; raises NoAnswerError and HqRefusedError.

    `contact` is the one of the cycle these requests belong to; set it before the first of them. `records` are
    the record types we send there; none is all of them. `hq_log` is the end of HQ's log as we were shown it last.
    """

    def __init__(
        self, transport: Transport, credentials: Credentials, clock: Clock, new_nonce: Callable[[], str]
    ) -> None:
        """Talk through `transport` as the node of `credentials`."""
        self._transport = transport
        self._credentials = credentials
        self._clock = clock
        self._new_nonce = new_nonce
        self.contact: Contact | None = None
        self.records: Collection[str] = ()
        self.hq_log = ""
        # How far HQ's clock is ahead of ours; learnt from HQ when it finds a signature too old or too new.
        self._skew = timedelta()

    def use_key(self, private_key: bytes) -> None:
        """Sign with another key from now on."""
        self._credentials = replace(self._credentials, private_key=private_key)

    def announce_key(self, private_key: bytes) -> KeyAnswer:
        """Tell HQ the key we shall sign with next; telling it again changes nothing."""
        public_key = public_key_of(private_key)
        claim = {"node": self._credentials.node, "public_key": encode_key(public_key)}
        proof = sign_message(private_key, NEXT_KEY, claim)
        body = canonical_json(to_json(KeyRequest(public_key=claim["public_key"], proof=proof)))
        headers = {"content-type": "application/json"}
        answer = self._send("PUT", f"/sync/v1/keys/{key_id(public_key)}", headers, body, Vitals())
        told = _decode(self._signed_part(answer, "key", NEXT_KEY), KeyAnswer)
        if told.key != key_id(public_key):
            raise NoAnswerError(reason="the answer is about another key")
        return told

    def enrol(self, code: str, *, branch: str | None = None) -> EnrolmentAnswer:
        """Show a one-time code and our key; return which branch we are now. `branch` is what we were before."""
        me = self._credentials
        public_key = encode_key(public_key_of(me.private_key))
        claim = {"code": code, "node": me.node, "public_key": public_key}
        asked = EnrolmentRequest(**claim, proof=sign_message(me.private_key, ENROLMENT, claim), branch=branch)
        body = canonical_json(to_json(asked))
        answer = self._transport.send(
            Request("POST", f"{me.hq_url}/sync/v1/enrolments", {"content-type": "application/json"}, body)
        )
        return _decode(self._checked(answer), EnrolmentAnswer)

    def state(self, vitals: Vitals) -> StateAnswer:
        """Begin a contact: ask where HQ stands in each of our channels."""
        headers = {}
        if self.contact is not None and self.contact.before:
            headers[BEFORE_HEADER] = ",".join(self.contact.before)
        if self.records:
            headers[RECORDS_HEADER] = ",".join(self.records)
        if self.hq_log:
            headers[HQ_LOG_HEADER] = self.hq_log
        answer = self._send("GET", "/sync/v1/state", headers, b"", vitals)
        return _decode(self._signed_part(answer, "state", STATE), StateAnswer)

    def chain(self, channel: str, below: int | None) -> ChainPage:
        """Ask which batches of a channel HQ holds, newest first, page by page."""
        query = {"channel": channel} | ({} if below is None else {"below": str(below)})
        answer = self._send("GET", f"/sync/v1/chain?{urlencode(query)}", {}, b"", Vitals())
        return _decode(self._signed_part(answer, "chain", CHAIN), ChainPage)

    def recovery(self, record: str, after: After, above: str, *, schema: int) -> RecoveryPage:
        """Ask for what HQ received of a record type in one channel after a batch, page by page.

        Rows come in version `schema`, or in the columns HQ knows of it.
        """
        query = {"record": record, **asdict(after), "above": above, "schema": str(schema)}
        answer = self._send("GET", f"/sync/v1/recovery?{urlencode(query)}", {}, b"", Vitals())
        return _decode(self._signed_part(answer, "recovery", RECOVERY), RecoveryPage)

    def tell_log(self, report: LogReport) -> LogAnswer:
        """Tell where our operation log ends; HQ may ask for an earlier entry first."""
        headers = {"content-type": "application/json"}
        answer = self._send("PUT", "/sync/v1/log", headers, canonical_json(to_json(report)), Vitals())
        return _decode(self._signed_part(answer, "log", LOG), LogAnswer)

    def parked(self, after: int) -> ParkedPage:
        """Ask which of our rows are parked at HQ, oldest first, page by page."""
        answer = self._send("GET", f"/sync/v1/parked?{urlencode({'after': after})}", {}, b"", Vitals())
        return _decode(self._signed_part(answer, "parked", PARKED), ParkedPage)

    def feed(self, after: FeedPoint) -> FeedPage | None:
        """Ask what was published after a place, page by page; None when that place is where HQ stands."""
        query = urlencode({"after": after.seq, "digest": after.digest})
        headers = {"if-none-match": f'"{after.digest}"'} if after.digest else {}
        answer = self._send("GET", f"/sync/v1/feed?{query}", headers, b"", Vitals())
        if answer.status == NOT_MODIFIED:
            return None
        return _decode(self._signed_part(answer, "feed", FEED), FeedPage)

    def tell_feed(self, told: FeedReceipts) -> None:
        """Tell what became of published items; it is kept when this returns."""
        headers = {
            "content-type": "application/json",
            "content-encoding": "identity",
            "idempotency-key": f"{self._credentials.node}/feed/{told.number}",
        }
        answer = self._send(
            "POST", "/sync/v1/feed/receipts", headers, canonical_json(to_json(told)), Vitals()
        )
        kept = _decode(self._signed_part(answer, "kept", FEED_RECEIPTS), FeedReceiptsAnswer)
        if kept.number != told.number:
            raise NoAnswerError(reason="the answer is about another telling")

    def open_lineage(self, number: int, asked: LineageRequest) -> StateAnswer:
        """Announce a new history of this node's data."""
        headers = {"content-type": "application/json"}
        body = canonical_json(to_json(asked))
        answer = self._send("PUT", f"/sync/v1/lineages/{number}", headers, body, Vitals())
        return _decode(self._signed_part(answer, "state", STATE), StateAnswer)

    def push(
        self, body: bytes, *, digest: str, idempotency_key: str, vitals: Vitals
    ) -> tuple[Receipt, dict[str, Any]]:
        """Deliver a sealed batch; return its receipt, and the receipt with its signature to be kept.

        A receipt for anything but this batch is no receipt.
        """
        headers = {
            "content-type": CONTENT_TYPE,
            "content-encoding": "zstd",
            "idempotency-key": idempotency_key,
        }
        answer = self._send("POST", "/sync/v1/batches", headers, body, vitals)
        receipt = _decode(self._signed_part(answer, "receipt", RECEIPT), Receipt)
        if receipt.digest != digest:
            raise NoAnswerError(reason="the receipt is for another batch")
        kept: dict[str, Any] = msgspec.json.decode(answer.body)
        return receipt, kept

    def compare(self, asked: CompareRequest, vitals: Vitals) -> CompareAnswer:
        """Tell every row of buckets that differ; return which ones HQ wants again and which it holds too many."""
        headers = {
            "content-type": "application/json",
            "content-encoding": "zstd",
            "idempotency-key": f"{self._credentials.node}/compare/{asked.record}",
        }
        body = compress(canonical_json(to_json(asked)))
        answer = self._send("POST", "/sync/v1/compare", headers, body, vitals)
        found = _decode(self._signed_part(answer, "compare", COMPARE), CompareAnswer)
        if found.record != asked.record:
            raise NoAnswerError(reason="the answer is about other records")
        return found

    def _send(self, method: str, path: str, headers: dict[str, str], body: bytes, vitals: Vitals) -> Answer:
        try:
            return self._checked_answer(method, path, headers, body, vitals)
        except HqRefusedError as error:
            if error.problem not in {Problem.CLOCK_SKEW.value.code, Problem.REPLAY.value.code}:
                raise
            self._learn_skew(error)
        return self._checked_answer(method, path, headers, body, vitals)

    def _checked_answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes, vitals: Vitals
    ) -> Answer:
        message = Message(
            method=method,
            url=self._credentials.hq_url + path,
            headers={
                **headers,
                NODE_HEADER: self._credentials.node,
                PENDING_HEADER: str(vitals.pending),
                CYCLE_HEADER: str(vitals.cycle_ms),
                **({CONTACT_HEADER: self.contact.id} if self.contact else {}),
                **({OFFERED_HEADER: str(vitals.offered_again)} if vitals.offered_again else {}),
            },
            body=body,
        )
        sign_request(
            message,
            private_key=self._credentials.private_key,
            key_id=key_id(public_key_of(self._credentials.private_key)),
            created=self._clock.now() + self._skew,
            nonce=self._new_nonce(),
        )
        answer = self._transport.send(Request(method, message.url, message.headers, body))
        self._checked(answer)
        return answer

    def _learn_skew(self, error: HqRefusedError) -> None:
        try:
            hq_time = datetime.fromisoformat(str(error.members.get("hq_time")))
            self._skew = hq_time - self._clock.now()
        except (ValueError, TypeError):
            raise error from None
        log.warning("the clocks differ", extra={"seconds": round(self._skew.total_seconds())})

    def _checked(self, answer: Answer) -> bytes:
        if answer.status in OK or answer.status == NOT_MODIFIED:
            return answer.body
        wait = answer.headers.get("retry-after", "")
        wait_s = int(wait) if wait.isascii() and wait.isdigit() and len(wait) <= LONGEST_WAIT else None
        problem = _problem(answer)
        if problem is None:
            if answer.status == TOO_MANY or answer.status >= SERVER_ERRORS:
                status = f"http-{answer.status}"
                raise HqRefusedError(status, "", retry=True, wait_s=wait_s, members={})
            raise NoAnswerError(reason=f"something answered {answer.status}, but not head office")
        code = str(problem.get("type", "")).rpartition("/")[2]
        known = find_problem(code)
        retry = known.value.retry if known else bool(problem.get("retry")) or answer.status >= SERVER_ERRORS
        detail = str(problem.get("detail") or problem.get("title") or "")[:200]
        raise HqRefusedError(
            code or f"http-{answer.status}", detail, retry=retry, wait_s=wait_s, members=problem
        )

    def _signed_part(self, answer: Answer, part: str, purpose: str) -> bytes:
        try:
            document = msgspec.json.decode(answer.body)
            content, signature = document[part], document["signature"]
            check_message(self._credentials.hq_public_key, purpose, content, signature)
        except (
            msgspec.DecodeError,
            UnicodeDecodeError,
            RecursionError,
            KeyError,
            TypeError,
            WrongSignatureError,
        ) as error:
            raise NoAnswerError(reason="the answer is not signed by head office") from error
        return canonical_json(content)


def _decode(body: bytes, kind: type[M]) -> M:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoAnswerError(reason="the answer is not head office's") from error


def _problem(answer: Answer) -> dict[str, Any] | None:
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        document = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def make_client(runtime: BranchRuntime, member: Membership) -> HqClient:
    """Return the client of a node that has joined."""
    credentials = Credentials(
        node=member.node_id,
        private_key=runtime.private_key,
        hq_url=member.hq_url,
        hq_public_key=member.hq_public_key,
    )
    client = HqClient(runtime.transport, credentials, runtime.clock, runtime.new_nonce)
    sent = [name for name in runtime.bindings if name not in (member.unknown_there or ())]
    if len(sent) < len(CATALOG):
        client.records = sent
    return client
