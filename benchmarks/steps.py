"""Where the time of a first load goes, by step, on a run of its own (watching costs time too)."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import local
from typing import Any, Final, ParamSpec, TypeVar

from benchmarks import product
from branch_node.outbound import client
from branch_node.outbound import operations as outbound
from hq_server.ingest import operations as ingest
from hq_server.ingest import routes
from sync_protocol import apply, loading
from sync_protocol.changelog import sealing
from sync_protocol.contract.checks import RecordCheck
from tests.support.databases import DatabaseFactory

P = ParamSpec("P")
R = TypeVar("R")
# What a step is called, and the function that does it. Time in a step inside another counts for the inner one.
STEPS: Final[tuple[tuple[str, Any, str], ...]] = (
    ("branch: choose changes", sealing, "_take"),
    ("branch: read rows as wire lines", sealing, "_read_block"),
    ("branch: header, trailer, digest", sealing, "build_payload"),
    ("branch: zstd", sealing, "compress"),
    ("branch: mark changes, keep the batch", sealing, "_store"),
    ("branch: sign", client, "sign_request"),
    ("branch: keep the receipt", outbound, "acknowledge"),
    ("HQ: verify the signature", routes, "authenticate"),
    ("HQ: nonce", routes, "use_nonce"),
    ("HQ: unzstd", routes, "decompress"),
    ("HQ: parse, digest", routes, "parse_payload"),
    ("HQ: chain, inbox, parked, receipt", ingest, "receive_batch"),
    ("HQ: check rows", RecordCheck, "accepts_block"),
    ("HQ: rows as JSON anew", RecordCheck, "write_lines"),
    ("HQ: JSON as CSV", loading, "_csv"),
    ("HQ: COPY, waiting included", loading, "_copy"),
    ("HQ: other statements of the load", apply, "load_rows"),
)


def measure(ready: product.Ready, factory: DatabaseFactory) -> dict[str, float]:
    """Return microseconds a row by step, most first.

    The branch seals while HQ works, so the steps sum to more than `the whole, by the clock`.
    """
    pair = product.copy(ready, factory)
    product.settle(pair.hq.database)
    spent: dict[str, float] = defaultdict(float)
    with _watched(spent):
        spent["the whole, by the clock"] = pair.cycle(len(ready.rows))
    pair.close()
    factory.drop(pair.hq.database.url)
    factory.drop(pair.branch.database.url)
    each = {step: seconds / len(ready.rows) * 1e6 for step, seconds in spent.items()}
    return dict(sorted(each.items(), key=lambda item: -item[1]))


@contextmanager
def _watched(spent: dict[str, float]) -> Iterator[None]:
    """Add up the seconds of each step, apart from the steps inside it."""
    thread = local()
    originals = [(owner, name, getattr(owner, name)) for _step, owner, name in STEPS]
    for step, owner, name in STEPS:
        setattr(owner, name, _timed(getattr(owner, name), step, spent, thread))
    try:
        yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def _timed(function: Callable[P, R], step: str, spent: dict[str, float], thread: local) -> Callable[P, R]:
    @wraps(function)
    def timed(*args: P.args, **kwargs: P.kwargs) -> R:
        around, thread.inside = getattr(thread, "inside", 0.0), 0.0
        started = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            taken = time.perf_counter() - started
            spent[step] += taken - thread.inside
            thread.inside = around + taken

    return timed
