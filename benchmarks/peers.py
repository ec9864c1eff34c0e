"""PouchDB and Kinto as peers: `python -m benchmarks.peers [--rows N] [--rounds N]`.

Both are set up once in `.peers`, from npm and PyPI, and reused; what cannot be had here is reported as not run. Each
round does the product and each peer once, the same customers in the same minute; only ratios mean anything. Neither
peer has a chain, a signature, a receipt or a proof, and Kinto keeps nothing at the branch.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests
from sqlalchemy import make_url

from benchmarks import product
from benchmarks.work import Row, chunks, make_changes
from tests.support import postgres
from tests.support.databases import DatabaseFactory
from tests.support.processes import free_port

HOME: Final = Path(__file__).resolve().parents[1] / ".peers"
NODE_PACKAGES: Final = ("pouchdb@9.0.0", "pouchdb-server@4.2.0")
KINTO: Final = "kinto[postgresql]==26.5.0"
GOALS: Final = {"pouchdb": 25, "kinto": 300}
# They are slow, and their rates hardly depend on how many rows there are.
PEER_ROWS: Final = {"pouchdb": 4_000, "kinto": 1_000}
REQUESTS_A_BATCH: Final = 100
PATIENCE_S: Final = 60.0
COLLECTION: Final = "/buckets/branch/collections/customers/records"
KINTO_INI: Final = """\
[app:main]
use = egg:kinto
kinto.userid_hmac_secret = for-one-run
kinto.storage_backend = kinto.core.storage.postgresql
kinto.storage_url = {url}
kinto.permission_backend = kinto.core.permission.postgresql
kinto.permission_url = {url}
kinto.cache_backend = kinto.core.cache.memory
kinto.bucket_create_principals = system.Everyone
kinto.bucket_write_principals = system.Everyone
kinto.batch_max_requests = {batch}

[server:main]
use = egg:waitress
listen = 127.0.0.1:{port}
"""

Taken = dict[str, list[float]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="customers of the product's first load")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="branchline-peers-"))
    run = postgres.TestRun(folder, os.getpid(), durable=True)
    try:
        measure(folder, DatabaseFactory(run, folder), options.rows, options.rounds)
    finally:
        postgres.stop(run)
        shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path, factory: DatabaseFactory, rows: int, rounds: int) -> None:
    """Do each contender once a round, and print rates and ratios of medians."""
    ready = product.make_ready(folder / "product", factory, "postgresql", rows)
    here = {name: one for name, one in {"pouchdb": _pouchdb, "kinto": _kinto}.items() if _set_up(name)}
    taken: Taken = defaultdict(list)
    for number in range(rounds):
        _product(ready, factory, taken)
        for name, peer in here.items():
            part = ready.rows[: PEER_ROWS[name]]
            home = folder / f"{name}-{number}"
            home.mkdir()
            for path, rate in peer(home, factory, part, make_changes(part, len(part) // 2)).items():
                taken[f"{name}_{path}"].append(rate)
    rates = {name: statistics.median(each) for name, each in taken.items()}
    for name, rate in rates.items():
        print(f"  {name:<24}{rate:>12,.0f} rows a second")
    for name, goal in GOALS.items():
        for path in ("first_load", "updates"):
            told = f"{rates[f'product_{path}'] / rates[f'{name}_{path}']:,.0f}" if name in here else "not run"
            print(f"  {path} against {name:<24}{told:>8}   goal {goal}")


def _product(ready: product.Ready, factory: DatabaseFactory, taken: Taken) -> None:
    pair = product.copy(ready, factory)
    taken["product_first_load"].append(len(ready.rows) / pair.cycle(len(ready.rows)))
    changes = make_changes(ready.rows, len(ready.rows) // 2)
    pair.change(changes)
    taken["product_updates"].append(len(changes) / pair.cycle(len(changes)))
    pair.close()


def _set_up(name: str) -> bool:
    """Install a peer where it is not yet; False, with a line that says so, where it cannot be had."""
    done = HOME / f"{name}.ready"
    if done.exists():
        return True
    HOME.mkdir(exist_ok=True)
    venv = HOME / "kinto"
    steps = {
        "pouchdb": [["npm", "install", "--no-audit", "--no-fund", "--prefix", str(HOME), *NODE_PACKAGES]],
        "kinto": [
            [sys.executable, "-m", "venv", str(venv)],
            [str(venv / "bin/pip"), "install", "--quiet", KINTO],
        ],
    }
    try:
        for step in steps[name]:
            subprocess.run(step, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{name} cannot be set up here and is not run: {error}")
        return False
    done.touch()
    return True


def _pouchdb(
    home: Path, _factory: DatabaseFactory, rows: Sequence[Row], changes: Sequence[Row]
) -> dict[str, float]:
    port = free_port()
    server = [str(HOME / "node_modules/.bin/pouchdb-server"), "--port", str(port), "--host", "127.0.0.1"]
    for name, part in (("rows", rows), ("changes", changes)):
        documents = [{"_id": row["id"], **_plain(row)} for row in part]
        (home / f"{name}.json").write_text(json.dumps(documents))
    (home / "hq").mkdir()
    with _running([*server, "--dir", str(home / "hq"), "--no-stdout-logs"], home, port):
        script = Path(__file__).with_name("pouchdb.js")
        files = [home / "branch", f"http://127.0.0.1:{port}/hq", home / "rows.json", home / "changes.json"]
        done = subprocess.run(
            ["env", f"NODE_PATH={HOME / 'node_modules'}", "node", str(script), *map(str, files)],
            check=True,
            capture_output=True,
            cwd=home,
        )
    seconds = json.loads(done.stdout)
    return {"first_load": len(rows) / seconds["first_load"], "updates": len(changes) / seconds["updates"]}


def _kinto(
    home: Path, factory: DatabaseFactory, rows: Sequence[Row], changes: Sequence[Row]
) -> dict[str, float]:
    port, url = free_port(), factory.create("postgresql")
    parsed = make_url(url)
    plain = f"postgresql://{parsed.username}@/{parsed.database}?host={parsed.query['host']}"
    ini = home / "kinto.ini"
    ini.write_text(KINTO_INI.format(url=plain.replace("%", "%%"), port=port, batch=REQUESTS_A_BATCH))
    commands = HOME / "kinto/bin"
    subprocess.run([str(commands / "kinto"), "migrate", "--ini", str(ini)], check=True, capture_output=True)
    with _running([str(commands / "pserve"), str(ini)], home, port), requests.Session() as line:
        base = f"http://127.0.0.1:{port}/v1"
        for path in ("/buckets/branch", "/buckets/branch/collections/customers"):
            line.put(base + path, json={}, timeout=PATIENCE_S).raise_for_status()
        rates = {
            "first_load": len(rows) / _batches(line, base, rows),
            "updates": len(changes) / _batches(line, base, changes),
        }
    factory.drop(url)
    return rates


def _batches(line: requests.Session, base: str, rows: Sequence[Row]) -> float:
    started = time.perf_counter()
    for chunk in chunks(rows, REQUESTS_A_BATCH):
        parts = [{"path": f"{COLLECTION}/{row['id']}", "body": {"data": _plain(row)}} for row in chunk]
        batch = {"defaults": {"method": "PUT"}, "requests": parts}
        answer = line.post(f"{base}/batch", json=batch, timeout=PATIENCE_S)
        answer.raise_for_status()
        statuses = {one["status"] for one in answer.json()["responses"]}
        assert statuses <= {200, 201}, statuses
    return time.perf_counter() - started


def _plain(row: Row) -> dict[str, Any]:
    """Return a customer as JSON has it."""
    return dict(json.loads(json.dumps(row, default=str)))


@contextmanager
def _running(command: Sequence[str], home: Path, port: int) -> Iterator[None]:
    """Have a peer's server up while the block runs."""
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=home, stdout=log, stderr=log)
        try:
            _wait_for(port)
            yield
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE_S)


def _wait_for(port: int) -> None:
    started = time.monotonic()
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/", timeout=5)
        except requests.ConnectionError:
            if time.monotonic() - started > PATIENCE_S:
                raise
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    main()
