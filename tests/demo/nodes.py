"""Drives nodes by the product's own commands, as an administrator would: init, serve, import, push."""

import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from tests.support import processes

LOOPBACK: Final = "127.0.0.1"
HEALTHY_WITHIN_S: Final = 120
STOPS_WITHIN_S: Final = 20
COMMAND_LIMIT_S: Final = 600


class StepError(Exception):
    """A command of the product did not do what was asked; says which, and what it said itself."""

    def __init__(self, command: list[str], exit_code: int | None, said: str) -> None:
        """Keep the command line, its exit code (None: still running) and its last words on stderr."""
        self.command = shlex.join(command)
        self.exit_code = exit_code
        self.said = said.strip()
        ended = "did not get ready" if exit_code is None else f"ended with exit code {exit_code}"
        super().__init__(f"{self.command}\n  {ended}:\n{_indented(self.said or '(it said nothing)')}")


@dataclass
class Node:
    """One node in its own home directory; `program` is `hq-server` or `branch-node`."""

    program: str
    home: Path
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    _server: subprocess.Popen[bytes] | None = None
    _log: IO[bytes] | None = None
    _running: list[processes.Command] = field(default_factory=list)
    _interrupted: bool = False

    @property
    def url(self) -> str:
        """Where the node's pages are."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def server_pid(self) -> int | None:
        """The process that serves, when it does."""
        return self._server.pid if self._server else None

    def run(self, *arguments: str, accept: tuple[int, ...] = (0,), text: str | None = None) -> str:
        """Run one command of the node to its end and return what it wrote to stdout.

        Raises StepError when its exit code is not one of `accept`.
        """
        # From a process that has imported the product: eighty commands of a demo would each do it again.
        with tempfile.TemporaryDirectory(prefix="branchline-command-") as folder:
            command = processes.start(
                self.program,
                *arguments,
                "--home",
                str(self.home),
                folder=Path(folder),
                typed=text or "",
                environment=self.environment,
            )
            self._running.append(command)
            if self._interrupted:
                command.process.terminate()
            exit_code = command.wait(within_s=COMMAND_LIMIT_S)
            self._running.remove(command)
            output = command.output.read_text(encoding="utf-8")
            if exit_code not in accept:
                raise StepError(self._command(*arguments), exit_code, command.words() or output)
            return output

    def interrupt(self) -> None:
        """End the command that runs now in another thread, and start nothing more; the server goes on."""
        self._interrupted = True
        for command in [*self._running]:
            command.process.terminate()

    def run_json(self, *arguments: str, accept: tuple[int, ...] = (0,), text: str | None = None) -> Any:
        """Run one command with --json and return what it said."""
        return json.loads(self.run(*arguments, "--json", accept=accept, text=text))

    def start(self, *options: str) -> None:
        """Serve in the background; `wait_until_healthy` tells when it answers."""
        if self._interrupted:
            raise StepError(self._command("serve"), None, "interrupted")
        self._log = (self.home / "serve.log").open("ab")
        self._server = subprocess.Popen(
            self._command("serve", "--host", LOOPBACK, "--port", str(self.port), *options),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            process_group=0,
        )

    def wait_until_healthy(self, *, within_s: float = HEALTHY_WITHIN_S) -> None:
        """Return once the node answers; raises StepError when it ended or does not answer in time."""
        deadline = time.monotonic() + within_s
        while not self._answers():
            exit_code = self._server.poll() if self._server else 0
            if exit_code is not None or self._interrupted or time.monotonic() > deadline:
                raise StepError(self._command("serve"), exit_code, self._last_words())
            time.sleep(0.1)

    def stop(self, *, within_s: float = STOPS_WITHIN_S) -> None:
        """Ask the server to stop and wait for it; one that will not is killed."""
        if self._server is not None:
            self._server.terminate()
            try:
                self._server.wait(within_s)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
            self._server = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def _command(self, *arguments: str) -> list[str]:
        return [*_program(self.program), *arguments, "--home", str(self.home)]

    def _environment(self) -> dict[str, str]:
        inherited = os.environ  # noqa: TID251  (a command of the product sees what we were started with)
        return inherited | {"PYTHONUNBUFFERED": "1"} | dict(self.environment)

    def _last_words(self) -> str:
        lines = (self.home / "serve.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-15:])


def free_ports(preferred: Sequence[int]) -> list[int]:
    """Return a free port of this machine for each of `preferred`: that one where it is free (0: any)."""
    holders = [_bind(port) or _bind(0) for port in preferred]  # all held at once, so that none comes twice
    ports = [holder.getsockname()[1] for holder in holders if holder]
    for holder in holders:
        if holder:
            holder.close()
    return ports


def _bind(port: int) -> socket.socket | None:
    holder = socket.socket()
    try:
        holder.bind((LOOPBACK, port))
    except OSError:
        holder.close()
        return None
    with closing(socket.socket()) as probe:  # another server may share the port by SO_REUSEADDR
        if port and probe.connect_ex((LOOPBACK, port)) == 0:
            holder.close()
            return None
    return holder


def _program(name: str) -> list[str]:
    """Return how to start a command of this very installation, whatever PATH says."""
    script = Path(sys.executable).with_name(name)
    return [str(script)] if script.exists() else [sys.executable, "-m", name.replace("-", "_")]


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
