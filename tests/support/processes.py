"""The product's commands as processes of their own, started in a moment: forked from one that has imported them."""

import importlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

MODULES: Final = {"hq-server": "hq_server.cli", "branch-node": "branch_node.cli"}
HEALTHY_WITHIN_S: Final = 40
LOOPBACK: Final = "127.0.0.1"
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(list(MODULES.values()))
# Starting one process asks after all others, and an exit code can be asked for only once: threads take turns.
_one_at_a_time: Final = threading.Lock()


@dataclass
class Command:
    """One running command; `output` is the file its stdout goes to, `said` that of its stderr."""

    process: BaseProcess
    output: Path
    said: Path

    def wait(self, *, within_s: float = 120) -> int:
        """Return the exit code; a signal that ended it is a negative number."""
        deadline = time.monotonic() + within_s
        while (code := self._exit_code()) is None:
            assert time.monotonic() < deadline, f"still running after {within_s} s: {self.words()}"
            time.sleep(0.005)
        return code

    def _exit_code(self) -> int | None:
        with _one_at_a_time:
            return self.process.exitcode

    def succeed(self) -> str:
        """Wait for exit code 0 and return what was written to stdout."""
        assert self.wait() == 0, self.words()
        return self.output.read_text(encoding="utf-8")

    def kill(self) -> None:
        """End the process as a power cut would, between any two instructions (SIGKILL)."""
        self.process.kill()
        self.process.join()

    def stop(self) -> None:
        """Ask the process to end, and see to it."""
        self.process.terminate()
        self.process.join(15)
        if self.process.exitcode is None:
            self.kill()

    def pause(self) -> None:
        """Let the process stand still (SIGSTOP)."""
        assert self.process.pid
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a paused process run again."""
        assert self.process.pid
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGCONT)

    def words(self) -> str:
        """Return the end of what the command said."""
        return self.said.read_text(encoding="utf-8", errors="replace")[-3000:]


def start(
    program: str,
    *arguments: str,
    folder: Path,
    typed: str = "",
    environment: Mapping[str, str] | None = None,
) -> Command:
    """Start a command of the product that reads what was `typed`; its output goes to files in `folder`."""
    name = f"{program}-{arguments[0]}-{time.monotonic_ns()}"
    files = [folder / f"{name}.{kind}" for kind in ("in", "out", "err")]
    for file in files:
        file.write_text(typed if file.suffix == ".in" else "", encoding="utf-8")
    process = _context.Process(
        target=_run, args=(program, arguments, *map(str, files), dict(environment or {})), daemon=True
    )
    with _one_at_a_time:
        process.start()
    return Command(process, *files[1:])


def start_serving(program: str, home: Path, port: int, *, folder: Path) -> Command:
    """Start `serve` without jobs, and return when it answers."""
    arguments = ("serve", "--home", str(home), "--host", LOOPBACK, "--port", str(port), "--no-jobs")
    command = start(program, *arguments, folder=folder)
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while not answers(port):
        assert command.process.is_alive(), command.words()
        assert time.monotonic() < deadline, command.words()
        time.sleep(0.02)
    return command


def free_port() -> int:
    """Return a port of this machine nobody listens on."""
    with closing(socket.socket()) as holder:
        holder.bind((LOOPBACK, 0))
        return int(holder.getsockname()[1])


def answers(port: int) -> bool:
    """Tell whether a node on this port says that it is well."""
    try:
        with urlopen(f"http://{LOOPBACK}:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _run(
    program: str, arguments: tuple[str, ...], typed: str, output: str, said: str, environment: dict[str, str]
) -> None:
    os.setpgrp()  # a Ctrl-C is for whoever started the command, who then ends it in order
    os.environ.update(environment)
    sys.stdin = Path(typed).open(encoding="utf-8")  # noqa: SIM115  (until the process ends)
    for stream, path in ((sys.stdout, output), (sys.stderr, said)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, stream.fileno())
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.argv = [program, *arguments]
    importlib.import_module(MODULES[program]).main()
