"""A node's home directory: configuration, keys and secrets, and where its files stand."""

import os
import secrets
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import tomli_w

from shared.errors import N_, BranchlineError, Kind, SetupError

PRIVATE: Final = 0o600
SAMPLE_SECRETS: Final = frozenset({"change-me", "changeme", "secret", "sample", "dev", "password", "test"})
MIN_SECRET_LENGTH: Final = 32
# Of 43 random characters of base 64 about thirty are different; of a word typed over and over few are.
FEWEST_DIFFERENT: Final = 12
LOOPBACK: Final = ("127.0.0.1", "::1")


class HomeNotWrittenError(BranchlineError):
    """The disk did not take a file of the home; it may the next time."""

    code = "home-not-written"
    kind = Kind.UNAVAILABLE
    message = N_("%(name)s in the node's home cannot be written now: %(problem)s. Look at the disk.")
    retryable = True


@contextmanager
def _written(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HomeNotWrittenError(name=name, problem=error.strerror or str(error)) from error


class Home:
    """One node's directory; copying it while the node is stopped is a backup."""

    def __init__(self, path: Path) -> None:
        """Point at `path`, which need not exist yet."""
        self.path = path.resolve()

    @property
    def config_file(self) -> Path:
        """Where the settings are written."""
        return self.path / "config.toml"

    @property
    def keys(self) -> Path:
        """The folder of private keys and secrets; every file in it is 0600."""
        return self.path / "keys"

    @property
    def files(self) -> Path:
        """The folder of uploaded and produced files."""
        return self.path / "files"

    @property
    def exists(self) -> bool:
        """Whether `init` has been run here."""
        return self.config_file.is_file()

    def create(self) -> None:
        """Make the directory tree, closed to other users of the machine."""
        for folder in (self.path, self.keys, self.files):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def read_config(self) -> dict[str, Any]:
        """Return config.toml as a dict; raises SetupError when it is missing or broken."""
        try:
            with self.config_file.open("rb") as file:
                return tomllib.load(file)
        except FileNotFoundError:
            raise SetupError(problem=N_("no config.toml here; run `init` first")) from None
        except tomllib.TOMLDecodeError as error:
            raise SetupError(problem=f"config.toml: {error}") from error

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replace config.toml as a whole, or leave it as it was."""
        self._write(self.config_file, tomli_w.dumps(config).encode())

    def write_key(self, name: str, content: bytes) -> None:
        """Store a private key or secret under keys/, readable by this user alone."""
        self._write(self.keys / name, content)

    def read_key(self, name: str) -> bytes:
        """Return a private key or secret; raises SetupError when missing or open to others."""
        path = self.keys / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise SetupError(problem=f"keys/{name}: {N_('missing')}") from None
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise SetupError(problem=f"keys/{name}: {N_('readable by others; run chmod 600')}")
        return content

    def ensure_key(self, name: str) -> bytes:
        """Return the secret keys/`name` of 32 random bytes, made at its first use; who asks at once gets the same."""
        if not self.has_key(name):
            self.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
            made = f"{name}.{secrets.token_hex(8)}"
            self.write_key(made, secrets.token_bytes(32))
            with suppress(FileExistsError):
                (self.keys / name).hardlink_to(self.keys / made)
            (self.keys / made).unlink()
        return self.read_key(name)

    def replace_key(self, name: str, by: str) -> None:
        """Make keys/`by` the key called `name`, as one step; the one before is gone."""
        (self.keys / by).replace(self.keys / name)
        if os.name == "posix":
            descriptor = os.open(self.keys, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def has_key(self, name: str) -> bool:
        """Whether keys/`name` exists."""
        return (self.keys / name).is_file()

    def read_lines(self, name: str) -> list[str]:
        """Return the lines of a small text file of this home; none when it is missing."""
        try:
            return (self.path / name).read_text(encoding="ascii", errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def write_lines(self, name: str, lines: Iterable[str]) -> None:
        """Replace such a file as a whole, or leave it as it was; raises HomeNotWrittenError."""
        with _written(name):
            self._write(self.path / name, "".join(f"{line}\n" for line in lines).encode("ascii"))

    def append_line(self, name: str, line: str) -> None:
        """Add a line to such a file; it is on disk when this returns. Raises HomeNotWrittenError."""
        with _written(name):
            self._append(self.path / name, line)

    @staticmethod
    def _append(path: Path, line: str) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE)
        with os.fdopen(descriptor, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
            # A line that a power cut left without its end must not swallow this one.
            start = b"\n" if size and file.read(1) != b"\n" else b""
            file.write(start + line.encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        temporary = path.with_name(path.name + ".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Settings that both kinds of node have; each app extends it.

    `allow_plain_http` admits plain HTTP beyond loopback; pages then say so on every screen.
    With less than `free_mb` free on its disk a node takes no writes; `reserve_mb` are kept for such a time.
    `allowed_hosts` are further names by which browsers may call this node (behind a proxy: its name). With
    `behind_proxy` the addresses or networks in `proxies` are believed when they say where a request came from.
    """

    home: Home
    database_url: str = field(repr=False)  # it may hold a password
    secret_key: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    timezone: str = "Asia/Shanghai"
    language: str = "zh_CN"
    currency: str = "CNY"
    allow_plain_http: bool = False
    behind_proxy: bool = False
    allowed_hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = LOOPBACK
    reserve_mb: int = 32
    free_mb: int = 64

    @property
    def insecure(self) -> bool:
        """Whether this node serves or speaks plain HTTP beyond loopback; pages show it."""
        return self.allow_plain_http and not is_loopback(self.host) and not self.behind_proxy


def new_secret() -> str:
    """Return a fresh random secret of 256 bits."""
    return secrets.token_urlsafe(32)


def check_secret(name: str, value: str) -> None:
    """Refuse a sample, short or repeating secret; raises SetupError."""
    sample = value.strip().lower() in SAMPLE_SECRETS
    if sample or len(value) < MIN_SECRET_LENGTH or len(set(value)) < FEWEST_DIFFERENT:
        raise SetupError(problem=f"{name}: {N_('a sample or short secret; delete it and run `init` again')}")


def check_listen(settings: NodeSettings) -> None:
    """Refuse to serve plain HTTP beyond loopback unless the settings allow it; raises SetupError."""
    if is_loopback(settings.host) or settings.allow_plain_http or settings.behind_proxy:
        return
    raise SetupError(
        problem=f"{settings.host}: {N_('plain HTTP beyond this machine; put an HTTPS proxy in front and set behind_proxy, or set allow_plain_http = true')}"  # noqa: E501
    )


def check_remote(url: str, *, allow_plain_http: bool) -> None:
    """Refuse a remote address that is not HTTPS, loopback excepted; raises SetupError."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and (allow_plain_http or is_loopback(parts.hostname)):
        return
    raise SetupError(problem=f"{url}: {N_('must be an https:// address')}")


def is_loopback(host: str) -> bool:
    """Tell whether `host` names this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
