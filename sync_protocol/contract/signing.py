"""HTTP message signatures (RFC 9421, Ed25519) over requests, with the body bound by Content-Digest (RFC 9530).

The library does not remember nonces and by default does not bind the body: `verify_head`
demands every component below, the caller compares the body with `check_body` and must store the nonce.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    MappingKeyResolver,
    algorithms,
)
from http_message_signatures.digests import ContentDigest
from http_message_signatures.exceptions import HTTPMessageSignaturesException

NODE_HEADER: Final = "branchline-node"
PENDING_HEADER: Final = "branchline-pending"
CYCLE_HEADER: Final = "branchline-cycle-ms"
CONTACT_HEADER: Final = "branchline-contact"
BEFORE_HEADER: Final = "branchline-contacts-before"
# Among the contacts before: this node was restored on purpose and takes the place of the earlier one.
REPLACES: Final = "*"
OFFERED_HEADER: Final = "branchline-offered-again"
RECORDS_HEADER: Final = "branchline-records"
# The end of HQ's operation log as the branch was shown it last: number, digest, instant, HQ's signature of it.
HQ_LOG_HEADER: Final = "branchline-hq-log"
TAG: Final = "branchline-sync"
MAX_SKEW_S: Final = 300
NONCE_MAX: Final = 64
COVERED: Final = (
    "@method",
    "@target-uri",
    "content-digest",
    NODE_HEADER,
    PENDING_HEADER,
    CYCLE_HEADER,
)
COVERED_WITH_BATCH: Final = (*COVERED, "content-encoding", "idempotency-key")
# May be left out; where they are sent, the signature covers them.
COVERED_WHEN_SENT: Final = (CONTACT_HEADER, BEFORE_HEADER, OFFERED_HEADER, RECORDS_HEADER, HQ_LOG_HEADER)


class BadSignatureError(ValueError):
    """The request is not signed as the protocol demands; the sentence says what is wrong."""


class UnknownKeyError(BadSignatureError):
    """The key that made the signature is not pinned here."""


class SkewError(ValueError):
    """The request was signed too far from the receiver's time."""


@dataclass
class Message:
    """The parts of a request that are signed, in the shape the library reads; `headers` is changed by signing."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Signed:
    """A request whose signature holds: which key made it, its nonce, and when by the sender's clock.

    `covered` are the signed parts, among them the digest the body must have.
    """

    key_id: str
    nonce: str
    created: datetime
    covered: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)


def sign_request(message: Message, *, private_key: bytes, key_id: str, created: datetime, nonce: str) -> None:
    """Add Content-Digest, Signature-Input and Signature to `message.headers`."""
    signer = HTTPMessageSigner(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(
            public_keys={}, private_keys={key_id: Ed25519PrivateKey.from_private_bytes(private_key)}
        ),
    )
    signer.sign(
        message,
        key_id=key_id,
        created=created,
        nonce=nonce,
        label="branchline",
        tag=TAG,
        covered_component_ids=_covered(message.headers),
        body=message.body,
    )


def verify_request(message: Message, *, public_keys: Mapping[str, bytes], now: datetime) -> Signed:
    """Return who signed `message` with its body; raises BadSignatureError and SkewError.

    `public_keys` maps key ids to raw public keys. The caller must refuse a nonce seen before.
    """
    signed = verify_head(message, public_keys=public_keys, now=now)
    check_body(signed, message.body)
    return signed


def check_body(signed: Signed, body: bytes) -> None:
    """Raise BadSignatureError unless `body` has the digest that was signed."""
    try:
        if not ContentDigest.verify_components(signed.covered, body):
            msg = "the signature covers no digest of the body"
            raise BadSignatureError(msg)
    except HTTPMessageSignaturesException as error:
        raise BadSignatureError(str(error) or type(error).__name__) from error


def verify_head(message: Message, *, public_keys: Mapping[str, bytes], now: datetime) -> Signed:
    """Return who signed the head of `message`, whose body need not have been read yet.

    Nothing may be made of the body before `check_body`. Raises BadSignatureError and SkewError.
    """
    verifier = _Verifier(signature_algorithm=algorithms.ED25519, key_resolver=_Resolver(public_keys))
    try:
        results = verifier.verify(
            message,
            max_age=None,
            expect_tag=TAG,
            require_components=_covered({name.lower(): "" for name in message.headers}),
        )
    except HTTPMessageSignaturesException as error:
        # The library wraps whatever its resolver raises.
        if isinstance(error.__cause__, UnknownKeyError):
            raise error.__cause__ from error
        raise BadSignatureError(str(error) or type(error).__name__) from error
    parameters: dict[str, Any] = dict(results[0].parameters)
    nonce, created = parameters.get("nonce"), parameters.get("created")
    if (
        len(results) != 1
        or not isinstance(nonce, str)
        or not 0 < len(nonce) <= NONCE_MAX
        or not isinstance(created, int)
        or "expires" in parameters
    ):
        msg = "exactly one signature with created and nonce, and without expires, is needed"
        raise BadSignatureError(msg)
    try:
        signed_at = datetime.fromtimestamp(created, tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise SkewError(str(created)) from error
    if abs((now - signed_at).total_seconds()) > MAX_SKEW_S:
        raise SkewError(signed_at.isoformat())
    covered: Mapping[str, str] = dict(results[0].covered_components)
    return Signed(key_id=str(parameters["keyid"]), nonce=nonce, created=signed_at, covered=covered)


class _Verifier(HTTPMessageVerifier):
    """Leaves time to us: the library would judge by the system's clock and call a fast clock a bad signature."""

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:  # noqa: ANN401 - the library's signature
        """Accept any time here; `verify_head` compares it with the time it is given."""


class _Resolver(HTTPSignatureKeyResolver):
    def __init__(self, public_keys: Mapping[str, bytes]) -> None:
        self._public_keys = public_keys

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        raw = self._public_keys.get(key_id)
        if raw is None:
            raise UnknownKeyError(key_id)
        return Ed25519PublicKey.from_public_bytes(raw)

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        msg = f"no private key {key_id} on the verifying side"
        raise BadSignatureError(msg)


def _covered(headers: Mapping[str, str]) -> tuple[str, ...]:
    always = COVERED_WITH_BATCH if "idempotency-key" in headers else COVERED
    return (*always, *(name for name in COVERED_WHEN_SENT if name in headers))
