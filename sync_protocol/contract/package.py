"""Sealed batches in a file: for a branch without a line. The same batches, for HQ's eyes only, signed by the node.

The file is an age file (age-encryption.org/v1) for the receiver's Ed25519 key in its SSH form. In it stands a tar:
first `manifest.json`, signed, which names every other member with its digest; then the members, in order.
"""

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import msgspec
import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from sync_protocol.contract.canonical import NotCanonicalError, canonical_json, read_canonical
from sync_protocol.contract.keys import sign_message
from sync_protocol.contract.messages import IdText, Name, to_json
from sync_protocol.contract.payload import MAX_WIRE_BYTES

FORMAT: Final = 1
PACKAGE: Final = "branchline package v1"
MANIFEST: Final = "manifest.json"
MANIFEST_BYTES: Final = 16 * 2**20
BATCHES: Final = "batches"
RECEIPTS: Final = "receipts"
BROKEN: Final = "the file is damaged, or not for this node"


class BrokenPackageError(ValueError):
    """The file is not a whole package for this node; the sentence says what is wrong."""


class Member(msgspec.Struct, frozen=True):
    """One member: what it is called to both sides, and the SHA-256 and length of its bytes."""

    name: str
    sha256: str
    size: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a package holds, who made it and when by the maker's clock."""

    format: int
    kind: str
    branch: Name
    node: IdText
    made_at: str
    members: list[Member]


@dataclass(frozen=True, slots=True)
class Package:
    """An opened package; `signature` covers `manifest` for the purpose PACKAGE and is the caller's to check."""

    manifest: Manifest
    document: dict[str, Any]
    signature: str
    _tar: tarfile.TarFile

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield each member's name and bytes, in order, checked against the manifest."""
        for position, member in enumerate(self.manifest.members, start=1):
            content = _read_member(self._tar, _file_name(position), MAX_WIRE_BYTES)
            if len(content) != member.size or hashlib.sha256(content).hexdigest() != member.sha256:
                raise BrokenPackageError(BROKEN)
            yield member.name, content


def write_package(
    target: IO[bytes],
    contents: Sequence[tuple[str, bytes]],
    *,
    kind: str,
    branch: str,
    node: str,
    made_at: str,
    private_key: bytes,
    receiver: bytes,
) -> None:
    """Write a package of (name, bytes) to `target`, for whoever holds the private key of `receiver`."""
    members = [Member(name, hashlib.sha256(content).hexdigest(), len(content)) for name, content in contents]
    manifest = to_json(
        Manifest(format=FORMAT, kind=kind, branch=branch, node=node, made_at=made_at, members=members)
    )
    head = {"manifest": manifest, "signature": sign_message(private_key, PACKAGE, manifest)}
    with tempfile.TemporaryFile() as plain:
        with tarfile.open(fileobj=plain, mode="w") as tar:
            _add(tar, MANIFEST, canonical_json(head))
            for position, (_name, content) in enumerate(contents, start=1):
                _add(tar, _file_name(position), content)
        plain.seek(0)
        public = Ed25519PublicKey.from_public_bytes(receiver).public_bytes(
            Encoding.OpenSSH, PublicFormat.OpenSSH
        )
        pyrage.encrypt_io(plain, target, [pyrage.ssh.Recipient.from_str(public.decode())])


@contextmanager
def open_package(path: Path, private_key: bytes) -> Iterator[Package]:
    """Open the package at `path`; raises BrokenPackageError, OSError when there is no such file."""
    pem = Ed25519PrivateKey.from_private_bytes(private_key).private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    )
    with path.open("rb") as source, tempfile.TemporaryFile() as plain:
        try:
            _decrypt(source, plain, pem)
            plain.seek(0)
            with tarfile.open(fileobj=plain, mode="r:") as tar:
                yield _opened(tar)
        except (pyrage.DecryptError, tarfile.TarError, EOFError) as error:
            raise BrokenPackageError(BROKEN) from error


def _decrypt(source: IO[bytes], target: IO[bytes], pem: bytes) -> None:
    try:
        pyrage.decrypt_io(source, target, [pyrage.ssh.Identity.from_buffer(pem)])
    except OSError as error:
        if error.errno is not None:  # the disk's, not the content's
            raise
        raise BrokenPackageError(BROKEN) from error


def _opened(tar: tarfile.TarFile) -> Package:
    try:
        head = read_canonical(_read_member(tar, MANIFEST, MANIFEST_BYTES))
        document, signature = head["manifest"], head["signature"]
        manifest = msgspec.convert(document, Manifest)
    except (NotCanonicalError, msgspec.ValidationError, KeyError, TypeError) as error:
        raise BrokenPackageError(BROKEN) from error
    if manifest.format != FORMAT or not isinstance(signature, str):
        msg = "the file was made by a newer program"
        raise BrokenPackageError(msg)
    return Package(manifest, document, signature, tar)


def _read_member(tar: tarfile.TarFile, name: str, most: int) -> bytes:
    entry = tar.next()
    source = tar.extractfile(entry) if entry is not None and entry.isreg() and entry.name == name else None
    if entry is None or source is None or entry.size > most:
        raise BrokenPackageError(BROKEN)
    return source.read()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    tar.addfile(entry, io.BytesIO(content))


def _file_name(position: int) -> str:
    return f"{position:06}"
