"""Every request finds out, once a minute, whether the jobs of this node are still run."""

import logging
from http import HTTPStatus
from typing import Any, Final

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from shared.jobs.queries import find_stopped_since
from shared.jobs.watching import PATIENCE, JobsWatch
from shared.web.access import public
from shared.web.context import reading, runtime

log = logging.getLogger(__name__)

ADDRESS: Final = "/healthz/jobs"


def install(app: Flask) -> None:
    """Let requests of a served app watch the jobs."""
    watch = JobsWatch(app.extensions["branchline"])

    @app.before_request
    def look() -> None:
        try:
            watch.look()
        except SQLAlchemyError:  # the page itself will say so
            log.warning("could not find out how the jobs stand", exc_info=True)


@public
def tell() -> tuple[dict[str, Any], int]:
    """Say whether jobs are run, for a program outside that watches this node: 200, or 503 and since when not."""
    now = runtime().clock.now()
    with reading() as session:
        since = find_stopped_since(session, now=now)
    if since is None or now - since < PATIENCE:
        return {"status": "ok"}, HTTPStatus.OK
    return {"status": "stopped", "since": since.isoformat()}, HTTPStatus.SERVICE_UNAVAILABLE
