"""Sets the made-up company up on real nodes and keeps them serving: what `make demo` shows."""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyotp

from shared.clock import SystemClock
from tests.demo import asking, files, words
from tests.demo.company import BranchData, Manager
from tests.demo.nodes import Node, free_ports
from tests.demo.person import PageRefusedError, Person

ZONE: Final = ZoneInfo("Asia/Shanghai")
PREFERRED_PORTS: Final = (8000, 8001, 8002, 8003)
ARRIVES_WITHIN_S: Final = 120
PASSWORD: Final = "branchline-demo-2026"  # made up, printed for whoever tries the demo
SECRET: Final = "BRANCHLINEDEMOKEYBRANCHLINEDEMOK"  # of every administrator's authenticator; printed as well
FIRST_USER: Final = "admin"  # as `init` calls the first administrator
ADMINISTRATOR: Final = "administrator"
CLERK: Final = "clerk"
# User name, kind and name of who is let in besides; the branch's clerk bears the name of an account manager.
HQ_STAFF: Final = (("chen", "analyst", "陈晓梅"), ("leader", "leader", "顾国栋"))
BRANCH_STAFF: Final = (("manager", "branch_manager", "沈雅琴"), ("service", "service", "苗丽"))
# Departments of every branch: who sells, and who serves at the counter.
DEPARTMENTS: Final = (("XS", "销售部"), ("KF", "客户服务厅"))
# So many pushes at most until every row has been compared.
PROVEN_WITHIN: Final = 3
NOTES: Final = "demo.json"

Say = Callable[[str], None]


@dataclass(frozen=True)
class SignIn:
    """A user of the demo: where, as whom, with which password."""

    node: str
    username: str
    password: str
    name: str
    kind: str
    secret: str = ""
    """The key of their authenticator, where signing in takes a second step."""


@dataclass(frozen=True)
class Show:
    """The company on its nodes: head office, the branches by code, and who may sign in."""

    hq: Node
    branches: dict[str, Node]
    users: list[SignIn]

    @property
    def nodes(self) -> dict[str, Node]:
        """Every node by its code; head office first."""
        return {"HQ": self.hq, **self.branches}


class NotArrivedError(Exception):
    """Head office does not hold in time what a branch holds; says how each differs."""

    def __init__(self, differing: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> None:
        """Keep what branch and head office say, by the code of each branch that differs."""
        lines = [
            f"{code}: {at_branch['pending']} changes waiting; holds {at_branch['records']}, "
            f"head office {at_hq.get('records')}, parked there {at_hq.get('parked')}"
            for code, (at_branch, at_hq) in differing.items()
        ]
        super().__init__("not everything has arrived at head office\n  " + "\n  ".join(lines))


class FolderError(Exception):
    """The folder to keep the demo in holds something else."""


def today_in_the_zone() -> datetime:
    """Return the branches' local time, without a zone, as their old systems would write it."""
    return SystemClock().now().astimezone(ZONE).replace(tzinfo=None, second=0, microsecond=0)


def code_now(*, steps: int = 0) -> str:
    """Return what the administrators' authenticator shows now, or so many half minutes later."""
    return pyotp.TOTP(SECRET).at(SystemClock().now() + steps * timedelta(seconds=30))


@contextmanager
def open_show(
    folder: Path,
    *,
    scale: float,
    seed: int,
    say: Say,
    environment: dict[str, str] | None = None,
) -> Iterator[tuple[Show, dict[str, Any]]]:
    """Serve the company from `folder`, set up there first unless an earlier run kept it; stop at the end.

    Gives the nodes, and head office's status once everything has arrived there.

    Raises StepError naming the command that failed and what it said, NotArrivedError,
    PageRefusedError and FolderError.
    """
    known = _read_notes(folder, environment or {})
    show = known or _new_show(folder, environment or {})

    def bring_up() -> dict[str, Any]:
        if known:
            _serve_again(show, say)
        else:
            _set_up(show, folder, scale=scale, seed=seed, say=say)
            _write_notes(folder, show)
        say("arrive")
        return wait_until_arrived(show)

    # In a thread of its own: a signal, which comes to the main thread, never finds a process half started.
    with ThreadPoolExecutor(1) as pool:
        try:
            yield show, pool.submit(bring_up).result()
        finally:
            for node in show.nodes.values():
                node.interrupt()
            pool.shutdown()
            for node in (*show.branches.values(), show.hq):
                node.stop()


def wait_until_arrived(show: Show, *, within_s: float = ARRIVES_WITHIN_S) -> dict[str, Any]:
    """Return head office's status once it holds exactly what every branch holds, to the cent."""
    deadline = time.monotonic() + within_s
    with ThreadPoolExecutor(len(show.nodes)) as pool:
        while True:
            at_hq, *at_branches = pool.map(lambda node: node.run_json("status"), show.nodes.values())
            waiting = {
                code: at_branch
                for code, at_branch in zip(show.branches, at_branches, strict=True)
                if not _same(at_branch, _branch_of(at_hq, code))
            }
            if not waiting:
                return dict(at_hq)
            if time.monotonic() > deadline:
                raise NotArrivedError(
                    {code: (at_branch, _branch_of(at_hq, code)) for code, at_branch in waiting.items()}
                )
            time.sleep(1)


# --- setting up --------------------------------------------------------------------------------------


def _new_show(folder: Path, environment: dict[str, str]) -> Show:
    if folder.exists() and any(folder.iterdir()):
        raise FolderError(folder)
    folder.mkdir(parents=True, exist_ok=True)
    hq_port, *ports = free_ports(PREFERRED_PORTS)
    branches = {
        plan.code: Node("branch-node", folder / plan.code, port, environment)
        for plan, port in zip(words.BRANCHES, ports, strict=True)
    }
    return Show(Node("hq-server", folder / "hq", hq_port, environment), branches, [])


def _set_up(show: Show, folder: Path, *, scale: float, seed: int, say: Say) -> None:
    say("files")
    company = files.write_company(folder / "files", seed=seed, now=today_in_the_zone(), scale=scale)
    codes: dict[str, Future[str]] = {branch.plan.code: Future() for branch in company}
    with ThreadPoolExecutor(len(company)) as pool:
        work = [pool.submit(_set_up_branch, show, branch, folder, codes, say) for branch in company]
        try:
            _set_up_hq(show, codes, say)
            for future in wait(work, return_when=FIRST_EXCEPTION).done:
                future.result()
        except BaseException:
            for code in codes.values():
                code.cancel()
            for node in show.nodes.values():
                node.interrupt()
            raise
    say("serve")
    for node in show.branches.values():
        node.start()
    for number, (branch, future) in enumerate(zip(company, work, strict=True)):
        node = show.branches[branch.plan.code]
        node.wait_until_healthy()
        _let_in(show, branch.plan.code, future.result(), _staff_of(branch))
        boss = _signed_in(node, BRANCH_STAFF[0][0])
        _make_account_manager(boss, branch.managers[0])
        asking.answer(boss, today_in_the_zone().date(), seed=seed + number)
    for node in show.branches.values():
        _finish_setting_up(node)  # who the staff are now travels as well, and not in ten minutes only


def _set_up_hq(show: Show, codes: dict[str, Future[str]], say: Say) -> None:
    say("hq")
    first_code = show.hq.run("init")
    show.hq.start()
    show.hq.wait_until_healthy()
    _add_staff(show.hq, HQ_STAFF)
    asking.publish(_signed_in(show.hq, HQ_STAFF[0][0]), today_in_the_zone().date())
    for plan in words.BRANCHES:
        codes[plan.code].set_result(show.hq.run_json("enrol", plan.code, plan.name)["code"])
    _let_in(show, "HQ", first_code, HQ_STAFF)


def _set_up_branch(
    show: Show,
    branch: BranchData,
    folder: Path,
    codes: dict[str, Future[str]],
    say: Say,
) -> str:
    """Make the branch's node, bring everything to head office, and return the first sign-in code."""
    code, node = branch.plan.code, show.branches[branch.plan.code]
    first_code = node.run("init")
    for department, name in DEPARTMENTS:
        node.run("setup", "department", department, name)
    node.run("setup", "region", branch.plan.places[0].code[:4] + "00")
    _add_staff(node, _staff_of(branch), departments=True)
    say(f"import {code}")
    for kind in files.COLUMNS:
        node.run("import", kind, str(folder / "files" / code / f"{kind}.csv"))
    node.run("run", "compute-months")
    node.run("join", "--hq", show.hq.url, "--code", codes[code].result())  # waits for head office
    say(f"push {code}")
    node.run("push")
    return first_code


def _staff_of(branch: BranchData) -> Sequence[tuple[str, str, str]]:
    return (*BRANCH_STAFF, (CLERK, "account_manager", branch.managers[0].name))


def _add_staff(node: Node, staff: Sequence[tuple[str, str, str]], *, departments: bool = False) -> None:
    """Let one person of each kind of the business in by the command, each with the widest range of the kind."""
    for username, kind, name in staff:
        place = ("--department", DEPARTMENTS[kind == "service"][0]) if departments else ()
        node.run(
            "user", "add", username, "--name", name, "--kind", kind, *place, "--password-stdin", text=PASSWORD
        )


def _finish_setting_up(node: Node) -> None:
    """Send what waits, have every row compared, and say that the branch is set up once the wizard finds it so."""
    for _ in range(PROVEN_WITHIN):
        node.run("setup", "prove")
        node.run("push")
        if all(node.run_json("setup", "status")["steps"].values()):
            break
    node.run("setup", "finish", accept=(0, 2))  # not proven in time: the wizard stays open and says so


def _let_in(show: Show, code: str, first_code: str, staff: Sequence[tuple[str, str, str]]) -> None:
    """Give the first administrator a password by the page, and note who may sign in: the business first."""
    node = show.nodes[code]
    administrator = Person(node.url)
    administrator.first_sign_in(FIRST_USER, code=first_code, password=PASSWORD)
    node.run("user", "second-step", FIRST_USER, "--secret-stdin", text=SECRET)
    administrator.send("/account/second-step", code=code_now())
    show.users.extend(SignIn(code, username, PASSWORD, name, kind) for username, kind, name in staff)
    show.users.append(SignIn(code, FIRST_USER, PASSWORD, "", ADMINISTRATOR, SECRET))


def _signed_in(node: Node, username: str) -> Person:
    person = Person(node.url)
    person.send("/account/sign-in", username=username, password=PASSWORD)
    return person


def _make_account_manager(boss: Person, manager: Manager) -> None:
    """Let the branch manager say that the clerk is the account manager of that name, so that "my day" is theirs."""
    page = boss.read("/managers")
    found = re.search(rf'href="(/managers/[0-9a-f-]+)"[^>]*>\s*{manager.manager_no}\s*<', page)
    if found is None:
        message = f"/managers does not list {manager.manager_no}"
        raise PageRefusedError(message)
    boss.send(f"{found[1]}/edit", user_id=f"{manager.name} ({CLERK})")


def _serve_again(show: Show, say: Say) -> None:
    say("reuse")
    for node in show.nodes.values():
        node.start()
    for node in show.nodes.values():
        node.wait_until_healthy()
    for node in show.branches.values():
        node.run("push")  # what was changed last time goes now, not in ten minutes


# --- comparing ---------------------------------------------------------------------------------------


def _branch_of(status: dict[str, Any], code: str) -> dict[str, Any]:
    return next((branch for branch in status["branches"] if branch["code"] == code), {})


def _same(at_branch: dict[str, Any], at_hq: dict[str, Any]) -> bool:
    compared = ("records", "totals")
    return at_branch.get("pending") == 0 and all(at_branch[key] == at_hq.get(key) for key in compared)


# --- keeping -----------------------------------------------------------------------------------------


def _write_notes(folder: Path, show: Show) -> None:
    notes = {
        "ports": {code: node.port for code, node in show.nodes.items()},
        "users": [asdict(user) for user in show.users],
    }
    (folder / NOTES).write_text(json.dumps(notes, ensure_ascii=False, indent=2), encoding="utf-8")


def _read_notes(folder: Path, environment: dict[str, str]) -> Show | None:
    """Return the company an earlier run left in `folder`, on the same ports: branches know HQ by its port."""
    try:
        notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    ports = notes["ports"]
    hq = Node("hq-server", folder / "hq", ports.pop("HQ"), environment)
    branches = {code: Node("branch-node", folder / code, port, environment) for code, port in ports.items()}
    return Show(hq, branches, [SignIn(**user) for user in notes["users"]])
