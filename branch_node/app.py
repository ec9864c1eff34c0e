"""The table of contents of a branch node: every slice is named here, every collaborator built here."""

import random
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from flask import Flask

from branch_node.bindings import BINDINGS
from branch_node.config import NODE_KEY, load_settings
from branch_node.outbound import jobs as outbound_jobs
from branch_node.outbound import pages as outbound
from branch_node.outbound.transport import HttpTransport
from branch_node.runtime import BranchRuntime
from shared.clock import SystemClock
from shared.db.engine import Database
from shared.jobs import jobs as common_jobs
from shared.jobs.job import Job
from shared.web.app import create_flask
from shared.web.menu import MenuEntry

JOBS: Final[Sequence[Job]] = (*outbound_jobs.JOBS, *common_jobs.JOBS)


def open_runtime(home: Path) -> BranchRuntime:
    """Open the node in `home`; raises SetupError when it is not set up."""
    settings = load_settings(home)
    return BranchRuntime(
        settings=settings,
        clock=SystemClock(),
        database=Database(settings.database_url),
        bindings=BINDINGS,
        transport=HttpTransport(),
        private_key=settings.home.read_key(NODE_KEY),
        uniform=random.SystemRandom().uniform,
        new_nonce=lambda: secrets.token_urlsafe(18),
    )


def create_app(runtime: BranchRuntime) -> Flask:
    """Return the web application of a branch node."""
    return create_flask(
        __name__,
        runtime,
        product="branch",
        home="outbound.overview",
        menu=(),
        blueprints=(outbound.blueprint,),
        node_name=outbound.node_name,
        link_state=outbound.link_state,
    )
