"""`make demo`: a made-up company on real nodes of this machine, until Ctrl-C."""

import argparse
import locale
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.demo.nodes import StepError
from tests.demo.person import PageRefusedError
from tests.demo.report import TEXTS, Reporter
from tests.demo.show import NOTES, FolderError, NotArrivedError, code_now, open_show

SEED = 7


class StopError(BaseException):
    """Somebody asked the demo to stop; not an Exception, so that no step takes it for its own failure."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return 0 when it was stopped or done, 2 when it could not start."""
    options = _parse(arguments)
    if options.code:
        print(code_now())
        return 0
    reporter = Reporter(options.language)
    for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
        signal.signal(number, _stop)
    try:
        with _folder(options.keep) as folder:
            _run(folder, options, reporter)
    except StopError:
        pass
    except (StepError, PageRefusedError, NotArrivedError, FolderError) as error:
        if isinstance(error, FolderError):
            reporter.line("folder", folder=error)
        else:
            reporter.failure(error)
        return 2
    reporter.line("stopped")
    if options.keep and (options.keep / NOTES).exists():
        reporter.line("kept", folder=options.keep)
    return 0


def _run(folder: Path, options: argparse.Namespace, reporter: Reporter) -> None:
    # Commands speak to people by the language of the environment.
    environment = {"LC_ALL": f"{options.language}.UTF-8" if options.language != "en" else "C.UTF-8"}
    with open_show(folder, scale=options.scale, seed=SEED, say=reporter.step, environment=environment) as (
        show,
        status,
    ):
        try:
            reporter.ready(show, status)
            if not options.once:
                reporter.line("stop")
                threading.Event().wait()
        finally:
            reporter.line("stopping")


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="branchline-demo-") as folder:
        yield Path(folder)


def _stop(*_: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # an impatient second Ctrl-C must not leave nodes behind
    raise StopError


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    spoken = (locale.getlocale()[0] or "").startswith("zh")
    parser.add_argument("--language", choices=sorted(TEXTS), default="zh_CN" if spoken else "en")
    parser.add_argument("--scale", type=float, default=1.0, help="1 makes about 2,400 customers")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="set up in DIR and leave it there")
    parser.add_argument("--once", action="store_true", help="stop as soon as everything has arrived")
    parser.add_argument("--code", action="store_true", help="print the administrators' code of now and stop")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
