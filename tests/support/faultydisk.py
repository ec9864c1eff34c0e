"""Commands of the product on a disk that fails now and then: what the kernel says of a write or a sync is an error.

libfiu stands between a process and its C library (`fiu-run`), so SQLite meets what it would meet on a worn disk: a
page that cannot be written, a sync that fails though the pages before it were taken.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.support import groups
from tests.support.processes import HEALTHY_WITHIN_S, answers

# What fails: writing a page of the database or its log, and having it brought onto the disk.
WRITES: Final = "posix/io/rw/pwrite"
SYNCS: Final = "posix/io/sync/*"
MODULES: Final = {"hq-server": "hq_server", "branch-node": "branch_node"}
LONGEST_S: Final = 120
POLL_S: Final = 0.02


class FaultyDisk:
    """Starts commands whose disk fails, each time one of `faults` is asked, with the given probability."""

    def __init__(self, folder: Path, faults: Mapping[str, float]) -> None:
        """Keep what the commands say in `folder`; the test is not run where there is no libfiu."""
        if shutil.which("fiu-run") is None:
            groups.not_run(
                "failing-disk", "fiu-run is not here: `make machine` as root, or install fiu-utils"
            )
        self._folder = folder
        self._controls = [f"enable_random name={name},probability={share}" for name, share in faults.items()]
        self._pipes = folder / "fiu"

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run Python to its end on the failing disk: `-m module` with arguments."""
        controls = [part for one in self._controls for part in ("-c", one)]
        return subprocess.run(
            ["fiu-run", "-x", "-f", str(self._pipes), *controls, sys.executable, *command],
            capture_output=True, text=True, timeout=LONGEST_S, check=False, cwd=Path(__file__).parents[2],
        )  # fmt: skip

    def carry_out(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the product to its end on the failing disk."""
        return self.run("-m", MODULES[program], *arguments)

    def serve(self, program: str, home: Path, port: int) -> "Served":
        """Start a node and return when it answers; its disk is good until `Served.fail`."""
        arguments = ["serve", "--home", str(home), "--host", "127.0.0.1", "--port", str(port), "--no-jobs"]
        with (self._folder / f"{program}-{port}-{time.monotonic_ns()}.err").open("wb") as said:
            process = subprocess.Popen(
                ["fiu-run", "-x", "-f", str(self._pipes), sys.executable, "-m", MODULES[program], *arguments],
                stdout=said, stderr=said, cwd=Path(__file__).parents[2],
            )  # fmt: skip
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while not answers(port):
            assert process.poll() is None, "the node has ended"
            assert time.monotonic() < deadline, "the node does not answer"
            time.sleep(POLL_S)
        return Served(process, self._pipes, self._controls)


class Served:
    """A node that serves, whose disk can be made to fail and to work again."""

    def __init__(self, process: subprocess.Popen[bytes], pipes: Path, controls: list[str]) -> None:
        """Control `process` by the pipes libfiu makes beside `pipes`."""
        self.process = process
        self._pipes = pipes
        self._controls = controls

    def fail(self) -> None:
        """Let the disk fail from now on."""
        for control in self._controls:
            self._tell(control)

    def work(self) -> None:
        """Let the disk work from now on."""
        for control in self._controls:
            self._tell("disable " + control.split()[1].partition(",")[0])

    def end(self) -> None:
        """End the node as a power cut would."""
        self.process.kill()
        self.process.wait()

    def _tell(self, command: str) -> None:
        asked, answers = (Path(f"{self._pipes}-{self.process.pid}.{way}") for way in ("in", "out"))
        asked.write_text(command + "\n", encoding="ascii")
        answer = answers.read_text(encoding="ascii").strip()
        assert answer == "0", f"{command}: {answer}"
