"""Serving pages and running jobs until told to stop."""

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import waitress

from shared.cli.context import NodeApp, say
from shared.config import NodeSettings, check_listen, check_secret
from shared.db.damage import NodeDamagedError, check_whole
from shared.db.inuse import in_use
from shared.errors import N_, BranchlineError
from shared.i18n import gettext, translate_error
from shared.jobs.runner import Runner
from shared.monitoring import logs
from shared.runtime import NodeRuntime
from shared.web.out_of_order import out_of_order
from shared.web.running import watch

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

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
NEXT_STEP: Final = N_("Restore the last backup at the machine, then start the node again.")


class CannotListenError(BranchlineError):
    """The address is taken or not this machine's."""

    code = "cannot-listen"
    message = N_("Cannot listen on %(address)s: %(detail)s")


def serve(app: NodeApp, runtime: NodeRuntime, *, with_jobs: bool) -> None:
    """Serve the app's pages, and run its jobs unless told otherwise, until SIGTERM or SIGINT.

    Refuses to start, in one sentence, when the settings are not safe or the database is not migrated. While the
    database is damaged every page says so, and the home is left free for `restore`.
    """
    try:
        _check(app, runtime)
    except NodeDamagedError as error:
        _serve_damaged(runtime.settings, error)
        return
    settings = runtime.settings
    with (
        _listen(settings) as listening,
        in_use(settings.home),
        _jobs(app, runtime, wanted=with_jobs) as runner,
    ):
        pages = app.create_app(runtime)
        watch.install(pages)
        server = _server(pages, listening, settings)
        with _told_to_stop(lambda: _stop_serving(runner)):
            say(gettext("Serving on %(url)s", url=_url(listening)))
            log.info("serving", extra={"url": _url(listening), "jobs": with_jobs})
            server.run()  # returns when the signal's SystemExit reaches it
        server.close()
    runtime.database.dispose()
    log.info("stopped")


def _serve_damaged(settings: NodeSettings, error: NodeDamagedError) -> None:
    log.critical("the database is damaged", extra={"detail": error.params["detail"]})
    say(translate_error(error))
    with _listen(settings) as listening:
        server = _server(out_of_order(error, NEXT_STEP), listening, settings)
        say(gettext("Every page at %(url)s says so", url=_url(listening)))
        with _told_to_stop(lambda: _stop_serving(None)):
            server.run()
        server.close()


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
    check_whole(runtime.database)
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


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _server(app: "WSGIApplication", listening: socket.socket, settings: NodeSettings) -> Any:  # noqa: ANN401 - waitress has no types
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
