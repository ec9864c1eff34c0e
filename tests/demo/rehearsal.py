"""Running `make demo` as a person does, to look at what it says and leaves behind."""

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).parents[2]
SCALE: Final = 0.1
STARTS_WITHIN_S: Final = 600


@dataclass(frozen=True)
class Rehearsal:
    """What a demo said from its start to its end, and how many nodes ran when it was ready and afterwards."""

    folder: Path
    exit_code: int
    said: str
    serving: int
    left_over: int


def rehearse(folder: Path) -> Rehearsal:
    """Start a demo kept in `folder` and stop it by a signal as soon as it is ready."""
    demo = start_demo("--language", "en", "--keep", str(folder))
    said = ""
    try:
        assert demo.stdout is not None
        for line in demo.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        serving = len(nodes_in(folder))
        demo.send_signal(signal.SIGTERM)
        exit_code = demo.wait(60)
    finally:
        demo.kill()
        demo.communicate()  # closes its pipe
    return Rehearsal(folder, exit_code, said, serving, len(nodes_in(folder)))


def rehearse_again(first: Rehearsal) -> Rehearsal:
    """Start the demo that `first` kept once more, in Chinese, to end by itself when it is ready."""
    demo = start_demo("--language", "zh_CN", "--keep", str(first.folder), "--once")
    said, _ = demo.communicate(timeout=STARTS_WITHIN_S)
    return Rehearsal(first.folder, demo.returncode, said, 0, len(nodes_in(first.folder)))


def start_demo(*options: str) -> subprocess.Popen[str]:
    """Start a small demo."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.demo", "--scale", str(SCALE), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def nodes_in(folder: Path) -> list[psutil.Process]:
    """Return the running nodes whose homes are in `folder`."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in argument for argument in process.info["cmdline"] or [])
        and "tests.demo" not in (process.info["cmdline"] or [])
    ]
