"""Ed25519 keys of nodes: their bytes, their fingerprints, and signed messages that can be kept and checked later."""

import base64
import hashlib
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sync_protocol.contract.canonical import canonical_json

# Says what a signature is for, so that one made for one purpose can never pass for another.
RECEIPT: Final = "branchline receipt v1"
STATE: Final = "branchline state v1"
ENROLMENT: Final = "branchline enrolment v1"
CHAIN: Final = "branchline chain v1"
RECOVERY: Final = "branchline recovery v1"
COMPARE: Final = "branchline compare v1"
PARKED: Final = "branchline parked v1"
LOG: Final = "branchline log v1"
LOG_END: Final = "branchline log end v1"
NEXT_KEY: Final = "branchline key v1"
FEED: Final = "branchline feed v1"
FEED_RECEIPTS: Final = "branchline feed receipts v1"


class WrongSignatureError(ValueError):
    """The signature is not the key holder's over this message."""


def new_private_key() -> bytes:
    """Return a fresh private key as its 32 raw bytes."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_key_of(private_key: bytes) -> bytes:
    """Return the 32 raw bytes of the public key that belongs to `private_key`."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def key_id(public_key: bytes) -> str:
    """Return the id of a key: SHA-256 of its raw public bytes, as 64 hex digits."""
    return hashlib.sha256(public_key).hexdigest()


def fingerprint(public_key: bytes) -> str:
    """Return what people compare at both ends: the first 20 hex digits of the key id, in groups of four."""
    digits = key_id(public_key)[:20].upper()
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def sign_message(private_key: bytes, purpose: str, message: dict[str, Any]) -> str:
    """Return the base64 Ed25519 signature over `purpose`, a newline and the canonical JSON of `message`."""
    signature = Ed25519PrivateKey.from_private_bytes(private_key).sign(_signed_bytes(purpose, message))
    return base64.b64encode(signature).decode()


def check_message(public_key: bytes, purpose: str, message: dict[str, Any], signature: str) -> None:
    """Raise WrongSignatureError unless `signature` is the key holder's over this message for this purpose."""
    try:
        raw = base64.b64decode(signature, validate=True)
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw, _signed_bytes(purpose, message))
    except (InvalidSignature, ValueError) as error:
        raise WrongSignatureError(purpose) from error


def encode_key(public_key: bytes) -> str:
    """Return a public key as base64, the way messages carry it."""
    return base64.b64encode(public_key).decode()


def decode_key(text: str) -> bytes:
    """Return the 32 raw bytes of a public key in base64; raises ValueError."""
    raw = base64.b64decode(text, validate=True)
    Ed25519PublicKey.from_public_bytes(raw)
    return raw


def _signed_bytes(purpose: str, message: dict[str, Any]) -> bytes:
    return purpose.encode() + b"\n" + canonical_json(message)
