"""Serving pages and running jobs until told to stop."""

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from types import FrameType
from typing import Any, Final

import waitress
from flask import Flask

from shared.cli.context import NodeApp, say
from shared.config import NodeSettings, check_listen, check_secret
from shared.db.inuse import in_use
from shared.errors import N_, BranchlineError
from shared.i18n import gettext
from shared.jobs.runner import Runner
from shared.monitoring import logs
from shared.runtime import NodeRuntime

log = logging.getLogger(__name__)

# Enough for a branch office; the work of a page is short, and SQLite writes one at a time anyway.
THREADS: Final = 12
# A browser that says nothing for so long is cut off, so slow ones cannot use up the connections.
IDLE_S: Final = 60
CONNECTIONS: Final = 1000
BACKLOG: Final = 1024
HEADER_BYTES: Final = 64 * 1024
# The largest upload of any page; each app and page sets its own, lower limit.
BODY_BYTES: Final = 512 * 1024 * 1024


class CannotListenError(BranchlineError):
    """The address is taken or not this machine's."""

    code = "cannot-listen"
    message = N_("Cannot listen on %(address)s: %(detail)s")


def serve(app: NodeApp, runtime: NodeRuntime, *, with_jobs: bool) -> None:
    """Serve the app's pages, and run its jobs unless told otherwise, until SIGTERM or SIGINT.

    Refuses to start, in one sentence, when the settings are not safe or the database is not migrated.
    """
    _check(app, runtime)
    settings = runtime.settings
    with (
        _listen(settings) as listening,
        in_use(settings.home),
        _jobs(app, runtime, wanted=with_jobs) as runner,
    ):
        server = _server(app.create_app(runtime), listening, settings)
        with _told_to_stop(lambda: _stop_serving(runner)):
            host, port = listening.getsockname()[:2]
            say(gettext("Serving on %(url)s", url=f"http://{f'[{host}]' if ':' in host else host}:{port}"))
            log.info("serving", extra={"host": host, "port": port, "jobs": with_jobs})
            server.run()  # returns when the signal's SystemExit reaches it
        server.close()
    runtime.database.dispose()
    log.info("stopped")


def run_jobs(app: NodeApp, runtime: NodeRuntime) -> None:
    """Run the app's jobs, and serve nothing, until SIGTERM or SIGINT."""
    _check(app, runtime)
    stop = Event()
    with in_use(runtime.settings.home), _jobs(app, runtime, wanted=True), _told_to_stop(stop.set):
        say(gettext("Running jobs; stop with Ctrl-C"))
        while not stop.wait(1):
            pass
    runtime.database.dispose()


def listening_on(runtime: Any, *, host: str | None, port: int | None) -> Any:  # noqa: ANN401 - an app's own runtime
    """Return the runtime with another address to listen on."""
    settings = runtime.settings
    changed = replace(settings, host=host or settings.host, port=settings.port if port is None else port)
    return replace(runtime, settings=changed)


def _check(app: NodeApp, runtime: NodeRuntime) -> None:
    settings = runtime.settings
    logs.set_up(settings.home)
    check_secret("secret_key", settings.secret_key)
    check_listen(settings)
    app.check_migrated(runtime)
    if app.before_use is not None:
        app.before_use(runtime)


@contextmanager
def _jobs(app: NodeApp, runtime: NodeRuntime, *, wanted: bool) -> Iterator[Runner | None]:
    if not wanted:
        yield None
        return
    runner = Runner(runtime, app.jobs)
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()


def _listen(settings: NodeSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        address = f"{settings.host}:{settings.port}"
        raise CannotListenError(address=address, detail=error.strerror or str(error)) from error


def _server(app: Flask, listening: socket.socket, settings: NodeSettings) -> Any:  # noqa: ANN401 - waitress has no types
    return waitress.create_server(
        app,
        sockets=[listening],
        threads=THREADS,
        channel_timeout=IDLE_S,
        cleanup_interval=10,
        connection_limit=CONNECTIONS,
        asyncore_use_poll=True,
        max_request_header_size=HEADER_BYTES,
        max_request_body_size=BODY_BYTES,
        ident="",
        # Behind a proxy its headers are believed, once, by the app (ProxyFix); otherwise nobody's are.
        clear_untrusted_proxy_headers=not settings.behind_proxy,
    )


def _stop_serving(runner: Runner | None) -> None:
    if runner is not None:
        runner.ask_to_stop()  # runs end while the last requests are answered
    raise SystemExit(0)


@contextmanager
def _told_to_stop(act: Callable[[], object]) -> Iterator[None]:
    """Call `act` at the first SIGTERM or SIGINT while the block runs; later ones change nothing."""

    def handle(number: int, _frame: FrameType | None) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)
        log.info("stopping", extra={"signal": signal.Signals(number).name})
        act()

    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    for one in before:
        signal.signal(one, handle)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
