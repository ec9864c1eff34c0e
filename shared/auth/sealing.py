"""Keeping a secret in the database so that the database alone does not give it away."""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from shared.auth.errors import SealBrokenError

NONCE_BYTES: Final = 12


class Seal:
    """Closes and opens secrets with a key from the node's keys folder; each is bound to what it is about."""

    def __init__(self, key: bytes) -> None:
        """Use a key of 32 bytes."""
        self._cipher = ChaCha20Poly1305(key)

    def close(self, secret: str, *, about: str) -> bytes:
        """Return the secret sealed; put beside another `about` it does not open."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), about.encode())

    def open(self, sealed: bytes, *, about: str) -> str:
        """Return the secret; raises SealBrokenError with another key, another subject or changed bytes."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode()).decode()
        except InvalidTag as error:
            raise SealBrokenError from error
