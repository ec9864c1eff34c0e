"""What every test may ask for, and what is arranged for the run as a whole."""

import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings
from playwright.sync_api import Browser

import hatch_build
from tests.demo.rehearsal import Rehearsal, rehearse, rehearse_again
from tests.support import browser, groups, postgres, quick, shares
from tests.support.databases import DIALECTS, DatabaseFactory
from tests.support.postgres import TestRun

ROOT: Final = Path(__file__).parents[1]
RUN: Final[pytest.StashKey[TestRun]] = pytest.StashKey[TestRun]()
# Folders whose tests all belong to one group.
GROUPS: Final = ("browser", "real_data", "system")

settings.register_profile("dev", max_examples=50, deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None)
settings.register_profile("explore", settings.get_profile("dev"), max_examples=2000)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("branchline")
    group.addoption("--only-sqlite", action="store_true", help="leave PostgreSQL out (and say so at the end)")
    group.addoption("--fuzz", type=int, default=2_000, help="how many nonsensical requests to send")
    group.addoption("--whole", action="store_true", help="try all of what a share is tried of otherwise")
    group.addoption("--pg-durable", action="store_true", help="run PostgreSQL with fsync, as in production")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(
        config.getoption("--hypothesis-profile") or ("ci" if os.environ.get("CI") else "dev")
    )
    if config.getoption("--whole"):
        shares.try_all()
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        folder, pid = Path(worker["branchline_folder"]), worker["branchline_pid"]
    else:
        hatch_build.compile_catalogues(ROOT)
        if not config.getoption("--pg-durable"):
            quick.keep_files_in_memory()
        folder, pid = Path(tempfile.mkdtemp(prefix="branchline-test-")), os.getpid()
    quick.be_quick(folder)
    config.stash[RUN] = TestRun(folder, pid, durable=config.getoption("--pg-durable"))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes and do not tell them: a file made here holds the time, and all processes must name a test alike."""
    return argname if isinstance(val, bytes) else None


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workeroutput"):
        return
    postgres.stop(config.stash[RUN])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    run = node.config.stash[RUN]
    node.workerinput |= {"branchline_folder": str(run.folder), "branchline_pid": run.controller_pid}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder in GROUPS:
            item.add_marker(folder)
    # What takes long and cannot be parted begins first, or all other workers wait for it in the end.
    items.sort(key=lambda item: [item.get_closest_marker(mark) is None for mark in ("xdist_group", "slow")])


def pytest_collection_finish() -> None:
    # What is imported by now stays: no collection of garbage need look at it again.
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    groups.write_summary(terminalreporter)


# --- databases -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def database_factory(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> DatabaseFactory:
    """Makes databases that outlive one test; whoever calls `create` calls `drop`."""
    return DatabaseFactory(
        pytestconfig.stash[RUN],
        tmp_path_factory.mktemp("sqlite"),
        only_sqlite=pytestconfig.getoption("--only-sqlite"),
    )


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    """Both kinds of database, one after the other: every test that asks for it runs on each."""
    return str(request.param)


@pytest.fixture
def make_database_url(database_factory: DatabaseFactory) -> Iterator[Callable[..., str]]:
    """Make any number of databases: `make_database_url(dialect, template=None)`; gone when the test is."""
    made: list[str] = []

    def make(dialect: str, template: str | None = None) -> str:
        made.append(database_factory.create(dialect, template))
        return made[-1]

    yield make
    for url in made:
        database_factory.drop(url)


@pytest.fixture
def database_url(make_database_url: Callable[..., str], dialect: str) -> str:
    """Return the URL of one empty database, on SQLite and then on PostgreSQL."""
    return make_database_url(dialect)


# --- a company to look at -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def rehearsals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rehearsal, Rehearsal]:
    """A demo that was set up, stopped, and started again; whoever asks for it belongs to the group `company`."""
    first = rehearse(tmp_path_factory.mktemp("demo") / "kept")
    return first, rehearse_again(first)


# --- what a machine may lack ---------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """Where Chromium is; the browser group is not run where there is none."""
    return browser.find_chromium() or groups.not_run("browser", browser.CURE)


@pytest.fixture(scope="session")
def chromium(chromium_path) -> Iterator[Browser]:
    """A running Chromium: one a process, for the library that drives it works once in a process at a time."""
    with browser.open_browser(chromium_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def real_data_folder() -> Path:
    """The data files handed out beside the checkout; that group is not run where they are absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        groups.not_run("real_data", "no ../shared/data beside the checkout")
    return folder
