"""The node's log key: keys/log.key, which says that the head of the chain is ours and wraps the keys of subjects."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from shared.config import PRIVATE, Home

FILE: Final = "log.key"
KEY_LENGTH: Final = 32
NONCE_LENGTH: Final = 12
# Under this name a session carries the keys; one without them (a bare tool) signs no head and seals nothing.
CARRIED: Final = "branchline_log_keys"


class LogKeys:
    """The log key of one home; made when it is first asked for, since a node may be older than its log's chain."""

    def __init__(self, home: Home) -> None:
        """Look in `home`, not before something is written."""
        self._home = home

    @classmethod
    def of(cls, session: Session) -> Self | None:
        """Return the keys a session carries, or None."""
        found = session.info.get(CARRIED)
        return found if isinstance(found, cls) else None

    def mac(self, seq: int, digest: str) -> str:
        """Return what only a holder of the key can say about where the chain ends."""
        return hmac.digest(self._secret, f"head:{seq}:{digest}".encode(), hashlib.sha256).hex()

    def vouches(self, seq: int, digest: str, mac: str | None) -> bool:
        """Tell whether `mac` was made with this key for this end of the chain."""
        return mac is not None and hmac.compare_digest(self.mac(seq, digest), mac)

    def wrap(self, key: bytes, about: str) -> str:
        """Return a subject's key so that it can lie in the database."""
        return _seal(self._cipher, key, about)

    def unwrap(self, wrapped: str, about: str) -> bytes | None:
        """Return a subject's key; None when it was wrapped with another log key or for another subject."""
        return unseal(self._secret, wrapped, about)

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(self._secret)

    @cached_property
    def _secret(self) -> bytes:
        if not self._home.has_key(FILE):
            _make(self._home.keys / FILE)
        return base64.b64decode(self._home.read_key(FILE))


def new_key() -> bytes:
    """Return a fresh key for one subject."""
    return secrets.token_bytes(KEY_LENGTH)


def seal(key: bytes, plain: bytes, about: str) -> str:
    """Return `plain` readable with `key` alone, and only as what it is about."""
    return _seal(AESGCM(key), plain, about)


def _seal(cipher: AESGCM, plain: bytes, about: str) -> str:
    nonce = secrets.token_bytes(NONCE_LENGTH)
    return binascii.b2a_base64(nonce + cipher.encrypt(nonce, plain, about.encode()), newline=False).decode()


def unseal(key: bytes, sealed: str, about: str) -> bytes | None:
    """Return what was sealed, or None when key, text or subject do not fit."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        return AESGCM(key).decrypt(raw[:NONCE_LENGTH], raw[NONCE_LENGTH:], about.encode())
    except (InvalidTag, ValueError, binascii.Error):
        return None


def _make(path: Path) -> None:
    # Two processes may both find none: the link is made once, and both read what stands there then.
    mine = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(new_key()))
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(mine)
    except FileExistsError:
        pass
    finally:
        mine.unlink()
