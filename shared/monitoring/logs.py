"""Where a process's log goes and how it reads: plain lines on a terminal, JSON lines anywhere else.

Whatever a request or a job logs carries its id. Control characters cannot move a reader's cursor or
forge a line, and values that look like secrets are blotted out.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TextIO

from shared.config import Home

if sys.platform != "win32":
    import fcntl

FILE_BYTES: Final = 10_000_000
FILES_KEPT: Final = 5
BLOTTED: Final = "***"
# `run_id` or `key_id` may be shown, `password` or `secret_key` may not.
SECRET_NAME: Final = re.compile(
    r"(?i)(^|_)(password|passwd|secret|token|code|authorization|cookie|signature|private_key|secret_key)$"
)
SHOWN_ANYWAY: Final = frozenset({"code"})
URL_PASSWORD: Final = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")
KEY_BLOCK: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL
)
# Where PostgreSQL quotes the row it refused: whoever it is about is no business of who reads logs.
QUOTED_ROW: Final = re.compile(r"^(DETAIL|CONTEXT):.*$", re.MULTILINE)
STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_bound: ContextVar[Mapping[str, Any]] = ContextVar("branchline_log_fields", default=MappingProxyType({}))


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Add `fields` (a request's id, a job's name) to everything logged inside the block by this thread."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def set_up(home: Home | None = None, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send this process's log to `stream` (stderr) and, with a home, to `logs/node.log` in it.

    Calling it again replaces what was set up before.
    """
    target = stream or sys.stderr
    handlers: list[logging.Handler] = [logging.StreamHandler(target)]
    handlers[0].setFormatter(PlainLines() if target.isatty() else JsonLines())
    if home is not None and home.exists:
        folder = home.path / "logs"
        folder.mkdir(mode=0o700, exist_ok=True)
        file = SharedFileHandler(folder / "node.log")
        file.setFormatter(JsonLines())
        handlers.append(file)
    root = logging.getLogger()
    for old in root.handlers[:]:
        if getattr(old, "branchline", False):
            root.removeHandler(old)
            old.close()
    for handler in handlers:
        handler.branchline = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    root.setLevel(level)
    for noisy in ("apscheduler", "alembic", "waitress.queue"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A full disk or a closed terminal must not stop the work that is being logged.
    logging.raiseExceptions = False


class JsonLines(logging.Formatter):
    """One JSON object a line, for machines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": clean(record.getMessage()),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = trace(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class PlainLines(logging.Formatter):
    """One readable line an event, for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of text; a traceback follows on lines of its own."""
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{_at(record)[11:19]} {record.levelname:<7} {clean(record.getMessage())} {fields}".rstrip()
        if record.exc_info:
            line += "\n" + trace(self.formatException(record.exc_info))
        return line


class SharedFileHandler(RotatingFileHandler):
    """A rotating file that several processes may write: one rotates it, the others follow."""

    def __init__(self, path: Path) -> None:
        """Append to `path`, which only this user may read."""
        with suppress(OSError):
            path.touch(mode=0o600)
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record to the file that bears the name now."""
        if self._moved():
            self.close_stream()
        super().emit(record)

    def doRollover(self) -> None:  # noqa: N802 - the base class's name
        """Rotate, unless another process has just done it."""
        with self._exclusively():
            if self._moved():
                self.close_stream()
                self.stream = self._open()
            else:
                super().doRollover()

    def close_stream(self) -> None:
        """Let go of the file; the next record opens it anew."""
        if self.stream:
            self.stream.close()
            self.stream = None

    def _moved(self) -> bool:
        if not self.stream:
            return False
        try:
            there, ours = Path(self.baseFilename).stat(), os.fstat(self.stream.fileno())
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        if sys.platform == "win32":
            yield
            return
        with Path(self.baseFilename + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def clean(text: str, *, lines: bool = False) -> str:
    """Return `text` with control characters made visible and passwords in addresses and keys blotted out."""
    text = URL_PASSWORD.sub(rf"\1:{BLOTTED}@", KEY_BLOCK.sub(BLOTTED, text))
    kept = "\n" if lines else ""
    return "".join(char if char in kept or char.isprintable() else repr(char)[1:-1] for char in text)


def trace(text: str) -> str:
    """Return a traceback as it may be kept: as `clean` leaves it, without the rows that a database quotes."""
    return clean(QUOTED_ROW.sub(rf"\1: {BLOTTED}", text), lines=True)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    given = {name: value for name, value in vars(record).items() if name not in STANDARD}
    return {name: _shown(name, value) for name, value in {**_bound.get(), **given}.items()}


def _shown(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever was logged
    if name not in SHOWN_ANYWAY and SECRET_NAME.search(name):
        return BLOTTED
    if isinstance(value, Mapping):
        return {str(key): _shown(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(name, inner) for inner in value]
    return value if isinstance(value, bool | int | float | None) else clean(str(value))


def _at(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds")
