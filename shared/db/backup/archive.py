"""The file a backup is: a zstd-compressed tar whose last member says what the others must be."""

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Final, cast

import msgspec
import zstandard

from shared.config import PRIVATE
from shared.errors import N_, BranchlineError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
MANIFEST_BYTES: Final = 50_000_000
SQLITE_MEMBER: Final = "database.db"
POSTGRES_MEMBER: Final = "database.dump"
CONFIG: Final = "config.toml"
# The folders of a home that belong to the node; its logs do not.
FOLDERS: Final = ("keys", "files")
CHUNK: Final = 1 << 20
PIECE: Final = 1 << 12
LEVEL: Final = 3


class BackupError(BranchlineError):
    """A backup could not be made or is not usable."""

    code = "backup-failed"
    message = N_("Backup: %(problem)s")


class DatabaseDamagedError(BackupError):
    """The database itself is damaged, so no backup of it would be worth anything."""

    code = "database-damaged"
    message = N_("The database is damaged: %(detail)s")


class RowsDifferError(BackupError):
    """After loading, tables do not hold as many rows as they did."""

    code = "backup-rows-differ"
    message = N_("The database does not hold what it should: %(tables)s")


class Member(msgspec.Struct, frozen=True):
    """What one member of the archive must be."""

    sha256: str
    size: int


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds; `rows` counts every table in the backup, `home` is where the node stood."""

    format: int
    app: str
    version: str
    dialect: str
    made_at: str
    home: str
    members: dict[str, Member]
    rows: dict[str, int]


def write_archive(target: Path, sources: Iterable[tuple[str, Path]], manifest: Manifest) -> Manifest:
    """Write the files `sources` (name in the archive, path) to `target`, members first, the manifest last.

    Returns `manifest` with the members filled in; the file is 0600 and on disk.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        with _compressing(file) as tar:
            members = {name: _add_file(tar, name, path) for name, path in sources}
            manifest = msgspec.structs.replace(manifest, members=members)
            _add_bytes(tar, MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        file.flush()
        os.fsync(file.fileno())
    return manifest


def read_manifest(archive: Path) -> Manifest:
    """Read a whole backup, check every digest in it, and return its manifest; raises BackupError."""
    return read_archive(archive, into=None)


def read_archive(archive: Path, *, into: Path | None) -> Manifest:
    """Check a backup as a whole and unpack it into the empty folder `into`, if given; raises BackupError.

    What was unpacked before an error was met must not be used.
    """
    try:
        return _read(archive, into)
    except FileNotFoundError:
        raise BackupError(problem=N_("there is no such file")) from None
    except (tarfile.TarError, zstandard.ZstdError, EOFError, msgspec.MsgspecError) as error:
        raise BackupError(problem=N_("the file is damaged or no backup of this program")) from error


def _read(archive: Path, into: Path | None) -> Manifest:
    found: dict[str, Member] = {}
    manifest: Manifest | None = None
    with _decompressing(archive) as tar:
        for entry in tar:
            source = tar.extractfile(entry) if entry.isreg() else None
            if source is None or manifest is not None:
                raise BackupError(problem=N_("the file is damaged or no backup of this program"))
            if entry.name == MANIFEST:
                manifest = msgspec.json.decode(source.read(MANIFEST_BYTES), type=Manifest)
                continue
            name = _checked(entry.name)
            found[name] = _copy(source, into / name if into else None)
    if manifest is None or found != manifest.members:
        raise BackupError(problem=N_("the file is incomplete or was changed"))
    if manifest.format != FORMAT:
        raise BackupError(problem=N_("the file was made by a newer program"))
    return manifest


def _checked(name: str) -> str:
    """Return a member's name, or refuse one that a backup never has (`../x` would leave the folder)."""
    path = PurePosixPath(name)
    plain = not path.is_absolute() and ".." not in path.parts and "\\" not in name and str(path) == name
    known = name in {CONFIG, SQLITE_MEMBER, POSTGRES_MEMBER} or (
        path.parts[0] in FOLDERS and len(path.parts) > 1
    )
    if not plain or not known:
        raise BackupError(problem=N_("the file is damaged or no backup of this program"))
    return name


def _copy(source: IO[bytes], target: Path | None) -> Member:
    digest, size = hashlib.sha256(), 0
    with _opened(target) as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if file is not None:
                file.write(chunk)
    return Member(digest.hexdigest(), size)


@contextmanager
def _opened(target: Path | None) -> Iterator[IO[bytes] | None]:
    if target is None:
        yield None
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


class _Digesting:
    """A file that is digested as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


class _Decompressed:
    """The content of a compressed file, which knows whether the file ended where it should."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = b""

    def read(self, size: int) -> bytes:
        while len(self._ready) < size and not self._frame.eof:
            # In small pieces, since a piece may grow thirty-thousandfold.
            piece = self._file.read(PIECE)
            if not piece:
                raise EOFError
            self._ready += self._frame.decompress(piece)
        data, self._ready = self._ready[:size], self._ready[size:]
        return data

    def finish(self) -> None:
        """Read to the end, where the frame's checksum stands; raises EOFError when that is missing."""
        while self.read(CHUNK):
            pass
        if self._frame.unused_data or self._file.read(1):
            raise EOFError


def _add_file(tar: tarfile.TarFile, name: str, path: Path) -> Member:
    entry = tarfile.TarInfo(name)
    entry.mode = PRIVATE
    with path.open("rb") as file:
        entry.size = os.fstat(file.fileno()).st_size
        reader = _Digesting(file)
        tar.addfile(entry, reader)
    return Member(reader.digest.hexdigest(), entry.size)


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size = PRIVATE, len(content)
    tar.addfile(entry, BytesIO(content))


@contextmanager
def _compressing(file: IO[bytes]) -> Iterator[tarfile.TarFile]:
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    with (
        compressor.stream_writer(file, closefd=False) as stream,
        tarfile.open(fileobj=stream, mode="w|") as tar,
    ):
        yield tar


@contextmanager
def _decompressing(archive: Path) -> Iterator[tarfile.TarFile]:
    with archive.open("rb") as file:
        stream = _Decompressed(file)
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as tar:
            yield tar
        stream.finish()
