"""Passwords and one-time codes: what is accepted, and how they are kept (never in plain text)."""

import hashlib
import re
import secrets
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError
from argon2.low_level import error_to_str

from shared.auth.errors import PasswordShortError, WeakPasswordError
from shared.errors import N_

SHORTEST: Final = 8
LONGEST: Final = 128
FEWEST_DIFFERENT: Final = 4
# What somebody would try here before any list, with whatever digits and signs around it; SECURITY.md names them.
OWN_WORDS: Final = frozenset(
    "branchline branch branchnode branch-node headoffice head-office hqserver hq-server admin administrator manager"
    " account accountmanager analyst auditor cashier customer operator service staff welcome password passw0rd".split()
)
_AROUND: Final = re.compile(r"^[\W\d_]+|[\W\d_]+$")
# RFC 9106, second recommended option: 64 MiB, three passes.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4)
# ARGON2_MEMORY_ALLOCATION_ERROR and ARGON2_THREAD_FAIL: nothing was hashed, so nothing is known of the password.
_NO_MEMORY: Final = frozenset(error_to_str(code) for code in (-22, -33))
# Crockford's base 32: no I, L, O, U, so a code can be read out over the telephone.
CODE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_GROUPS: Final = 5
CODE_GROUP_LENGTH: Final = 5  # 25 characters of 5 bits: 125 bits
_LOOKALIKES: Final = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})


def check_password(password: str, *, username: str = "", shortest: int = SHORTEST) -> str:
    """Return the password in the form that is hashed (NFKC); raises WeakPasswordError with the reason."""
    normal = unicodedata.normalize("NFKC", password)
    if len(normal) < max(shortest, SHORTEST):
        raise PasswordShortError(field="password", least=max(shortest, SHORTEST))
    if len(normal) > LONGEST:
        raise WeakPasswordError(field="password", reason=N_("A password has at most 128 characters."))
    if _is_tried_first(normal.casefold(), username.casefold()):
        raise WeakPasswordError(
            field="password", reason=N_("This password is among the first anybody would try; choose another.")
        )
    return normal


def _is_tried_first(folded: str, username: str) -> bool:
    if folded in common_passwords() or len(set(folded)) < FEWEST_DIFFERENT:
        return True
    bare = _AROUND.sub("", folded)
    return folded == username or (bare != "" and bare in OWN_WORDS | {_AROUND.sub("", username)})


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """Return the passwords that are tried first by whoever guesses: of breached lists, and of people in China."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - 90,000 words, for who sets a password

    text = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8")
    listed = [*text.splitlines(), *FREQUENCY_LISTS["passwords"]]
    return frozenset(word for line in listed if len(word := line.strip().casefold()) >= SHORTEST)


def hash_password(password: str) -> str:
    """Return the argon2id hash of a checked password, with its salt and parameters; raises MemoryError."""
    return _hash(unicodedata.normalize("NFKC", password))


def password_matches(password_hash: str | None, password: str) -> bool:
    """Tell whether the password is right; takes as long when there is no hash to compare with.

    Raises MemoryError where there is no memory to find out: a right password is never called wrong for that.
    """
    if len(password) > LONGEST * 4:  # hashing megabytes is a way to keep us busy
        return False
    try:
        _HASHER.verify(password_hash or nobodys_hash(), unicodedata.normalize("NFKC", password))
    except (VerificationError, InvalidHashError) as error:
        if str(error) in _NO_MEMORY:
            raise MemoryError(str(error)) from error
        return False
    return password_hash is not None


@lru_cache(maxsize=1)
def nobodys_hash() -> str:
    """Return a hash that no password has, to compare with where there is none."""
    return _hash(secrets.token_urlsafe(16))


def _hash(password: str) -> str:
    try:
        return _HASHER.hash(password)
    except HashingError as error:
        if str(error) in _NO_MEMORY:
            raise MemoryError(str(error)) from error
        raise


def new_code() -> str:
    """Return a fresh one-time code of 125 bits in five groups of five."""
    groups = (
        "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_GROUP_LENGTH)) for _ in range(CODE_GROUPS)
    )
    return "-".join(groups)


def hash_code(code: str) -> str:
    """Return what is kept of a code; case, spaces, hyphens and look-alikes (O for 0) do not matter.

    A plain digest suffices: nobody can try 2**125 codes.
    """
    return hashlib.sha256(code.upper().translate(_LOOKALIKES).encode()).hexdigest()
