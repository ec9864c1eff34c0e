"""One seeded run: a company at work under faults, then a good line, and the judgement."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.outbound.models import RecoveredRow
from branch_node.outbound.recovered import CONFLICT, CannotTakeError, keep_ours, take_hq
from branch_node.torture import publishing
from branch_node.torture.acts import Company
from branch_node.torture.ledger import FAILINGS, digests
from branch_node.torture.offices import REGION, Office
from branch_node.torture.stage import Node, Stage
from hq_server.branches.models import Branch
from shared.db.scope import FIRST
from sync_protocol.contract.codes import Problem

STEPS: Final = 24
# Cycles on a good line after which everything must be at rest.
PATIENCE: Final = 8
LINE_RATES: Final = (0.1, 0.3, 0.6)
STRIKES: Final = ("kill", "line-kill", "hq-kill", "error", "hq-error")
ONE_BRANCH: Final = 0.7
STRUCK: Final = 0.5
# Of what people at work do: entering, then changing; the rest is removing.
ADDS: Final = 0.6
EDITS: Final = 0.92
TAKE_HQ: Final = 0.5
# How often each act is chosen, against the others.
WEIGHTS: Final[Mapping[str, int]] = {
    "work": 30,
    "push": 34,
    "late": 5,
    "time": 4,
    "months": 3,
    "send-again": 9,
    "days": 6,
    "clock": 3,
    "backup": 5,
    "backup-hq": 4,
    "set-back": 4,
    "restore": 2,
    "set-back-hq": 4,
    "copy": 1,
    "poison": 2,
    "damage": 2,
    "publish": 6,
}
# With a regional office beside head office.
WEIGHTS_OF_TWO: Final[Mapping[str, int]] = {"push-region": 30, "backup-region": 3, "set-back-region": 3}


@dataclass
class Verdict:
    """What came of one run: how often it was struck, what is wrong, and what happened in order."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.found[failing] for failing in FAILINGS)


def run(stage: Stage, seed: int, *, steps: int = STEPS) -> Verdict:
    """Carry out one run; everything in it follows from `seed`."""
    company = Company(stage, Random(seed))  # noqa: S311 - a simulation
    weights = {**WEIGHTS, **(WEIGHTS_OF_TWO if len(stage.offices) > 1 else {})}
    if company.rng.random() < ONE_BRANCH:
        stage.nodes[-1].live = False
    for _step in range(steps):
        act = company.rng.choices(list(weights), list(weights.values()))[0]
        do(company, act, company.rng.choice(stage.nodes))
    found = heal(company)
    return Verdict(seed, Counter(stage.faults), found, company.trace)


def do(company: Company, act: str, node: Node) -> None:
    """Do one act to a node, or to head office."""
    company.trace.append(f"{act} {node.name}")
    _ACTS[act](company, node)


def heal(company: Company) -> Counter[str]:
    """Mend the line and the clocks, decide what waits for people, let cycles run, and judge what is there."""
    stage = company.stage
    for node in stage.nodes:
        node.line.rate = 0.0
    company.deliver_late()
    holders: dict[str, dict[str, Node]] = {}
    for turn in range(PATIENCE):
        for office in stage.offices:
            holders[office.name] = _everybody_pushes(company, office.name)
            _people_decide(company, office.name, holders[office.name].values())
        if turn and all(_at_rest(stage, office, holders[office.name]) for office in stage.offices):
            break
        # Each round is a day of its own: every table is compared.
        company.pass_time(days=1)
    return _judge(company, holders)


def _judge(company: Company, holders: Mapping[str, Mapping[str, Node]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for code in sorted({node.code for node in company.stage.nodes}):
        for receiver, nodes in holders.items():
            if code not in nodes:
                found["unsettled"] += 1
            elif receiver == FIRST:
                found += company.ledger.judge(code, nodes[code])
                found += publishing.judge(company.stage, code, nodes[code])
            else:
                found += company.ledger.judge_copy(code, nodes[code], receiver)
    return found


def _everybody_pushes(company: Company, receiver: str) -> dict[str, Node]:
    """Run a cycle at every node; return the one node of each branch that the receiver takes for it.

    A branch for which none or two come through, or one fails for another reason, has no such node.
    """
    outcomes: dict[str, list[Node | None]] = {}
    for node in company.stage.nodes:
        result = company.push(node, receiver)
        came = result and (result.outcome, result.problem, result.detail)
        company.trace.append(f"heal {node.name} {receiver} {came}")
        if result is not None and result.outcome == "done":
            outcomes.setdefault(node.code, []).append(node)
        elif result is None or result.problem != Problem.DUPLICATE.value.code:
            outcomes.setdefault(node.code, []).append(None)
    return {code: nodes[0] for code, nodes in outcomes.items() if len(nodes) == 1 and nodes[0] is not None}


def _people_decide(company: Company, receiver: str, nodes: Iterable[Node]) -> None:
    for node in nodes:
        for key in company.poisoned(node):
            company.mend(node, key)
        company.ledger.note_told(node)
        with node.view(receiver).database.sessions.begin() as session:
            for row in session.scalars(_CONFLICTS).all():
                _decide(company, node, session, row)


def _decide(company: Company, node: Node, session: Session, row: RecoveredRow) -> None:
    by = company.stage.stamp()
    if company.rng.random() < TAKE_HQ:
        try:
            take_hq(session, node.runtime.bindings, row, by=by)
        except CannotTakeError:
            keep_ours(session, row, by=by)
    else:
        keep_ours(session, row, by=by)


def _at_rest(stage: Stage, office: Office, holders: Mapping[str, Node]) -> bool:
    """Whether every branch has its node at a receiver, which holds what that node holds of its records."""
    for code in {node.code for node in stage.nodes}:
        if code not in holders:
            return False
        with holders[code].runtime.database.reads() as session:
            ours = digests(session, holders[code].view(office.name).bindings)
        with office.runtime.database.reads() as session:
            number = session.scalars(select(Branch.number).where(Branch.code == code)).one()
            theirs = digests(session, office.runtime.bindings, number)
        if any(theirs[name] != digest for name, digest in ours.items()):
            return False
    return True


def _work(company: Company, node: Node) -> None:
    for _time in range(company.rng.randrange(1, 4)):
        chosen = company.rng.random()
        if chosen < ADDS:
            company.add(node)
        elif chosen < EDITS:
            company.edit(node)
        else:
            company.remove(node)


def _push(company: Company, node: Node, receiver: str = FIRST) -> None:
    node.line.rate = company.rng.choice(LINE_RATES)
    strike = company.rng.choice(STRIKES) if company.rng.random() < STRUCK else ""
    result = company.push(node, receiver, strike=strike)
    company.trace.append(f"  {strike} {result and (result.outcome, result.problem)}")
    company.pass_time(seconds=company.rng.randrange(1, 900))


_CONFLICTS: Final = (
    select(RecoveredRow).where(RecoveredRow.state == CONFLICT).order_by(RecoveredRow.record_id)
)
_ACTS: Final[Mapping[str, Callable[[Company, Node], object]]] = {
    "work": _work,
    "push": _push,
    "late": lambda company, _node: company.deliver_late(),
    "time": lambda company, _node: company.pass_time(hours=company.rng.randrange(1, 30)),
    "months": lambda company, node: company.compute_months(node),
    "days": lambda company, _node: company.pass_time(days=company.rng.randrange(1, 4)),
    "send-again": lambda company, node: company.send_again(node),
    "clock": lambda company, node: company.jump_clock(node),
    "backup": lambda company, node: company.back_up(node),
    "backup-hq": lambda company, _node: company.back_up_hq(),
    "set-back": lambda company, node: company.set_back(node, restored=False),
    "restore": lambda company, node: company.set_back(node, restored=True),
    "set-back-hq": lambda company, _node: company.set_back_hq(),
    "push-region": lambda company, node: _push(company, node, REGION),
    "backup-region": lambda company, _node: company.back_up_hq(REGION),
    "set-back-region": lambda company, _node: company.set_back_hq(REGION),
    "copy": lambda company, node: company.copy(node),
    "poison": lambda company, node: company.edit(node, poison=True),
    "damage": lambda company, node: company.damage(node),
    "publish": lambda company, _node: publishing.publish(
        company.stage, company.rng, company.ledger.next_version()
    ),
}
