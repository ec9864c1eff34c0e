"""Seeded runs of whole companies: nothing lost, doubled, resurrected or overwritten; money exact."""

import json
from collections.abc import Callable
from random import Random

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import Executable, delete, select, update

from branch_node.cli import cli
from branch_node.torture import campaign as campaigns
from branch_node.torture import commands
from branch_node.torture.acts import Company
from branch_node.torture.ledger import FAILINGS
from branch_node.torture.run import STRIKES, WEIGHTS, Verdict, heal, run
from branch_node.torture.stage import Stage

RUNS_IN_CI = 6
RUNS_ON_POSTGRESQL = 2
# Runs that once were judged wrong: a person was asked about a record at a copy that was refused after it.
ONCE_WRONG = (402_699,)


def wrong(verdict: Verdict) -> dict[str, int]:
    return {failing: verdict.found[failing] for failing in FAILINGS if verdict.found[failing]}


@pytest.mark.parametrize("seed", [*range(RUNS_IN_CI), *ONCE_WRONG])
def test_a_company_under_faults_loses_and_doubles_nothing(stage: Stage, seed: int) -> None:
    verdict = run(stage, seed)

    assert not wrong(verdict), "\n".join(verdict.trace)


@pytest.mark.parametrize("seed", range(100, 100 + RUNS_ON_POSTGRESQL))
def test_so_does_one_whose_data_is_in_postgresql(open_stage, seed: int) -> None:
    verdict = run(open_stage("postgresql"), seed)

    assert not wrong(verdict), "\n".join(verdict.trace)


@pytest.mark.parametrize(
    ("dialect", "seed"), [*(("sqlite", seed) for seed in range(200, 202)), ("postgresql", 200)]
)
def test_so_does_one_that_sends_its_facts_to_a_regional_office_too(
    open_stage: Callable[..., Stage], dialect: str, seed: int
) -> None:
    verdict = run(open_stage(dialect, receivers=2), seed)

    assert not wrong(verdict), "\n".join(verdict.trace)
    assert any(step.startswith("push-region") for step in verdict.trace)


def test_what_a_regional_office_lacks_or_has_twice_or_with_another_amount_is_found(
    open_stage: Callable[..., Stage],
) -> None:
    stage = open_stage("sqlite", receivers=2)
    company = Company(stage, Random(1))
    node, region = stage.nodes[0], stage.office_of("region").runtime
    for kind in ("manager", "customer", "bill_line", "bill_line"):
        company.enter(node, kind)
    assert set(+heal(company)) == {"right"}
    table = region.bindings["bill_line"].table

    def found_after(change: Executable) -> set[str]:
        saved = stage.office_of("region").save()
        with region.database.engine.begin() as connection, stage.stores.unnoticed(connection, table):
            connection.execute(change)
        found = company.ledger.judge_copy(node.code, node, "region")
        stage.office_of("region").load(saved)
        return set(+found)

    one = select(table.c.id).limit(1).scalar_subquery()
    assert found_after(delete(table).where(table.c.id == one)) == {"unsettled"}
    assert found_after(update(table).values(remark="3")) == {"unsettled", "doubled"}
    more = update(table).values(amount_minor=table.c.amount_minor + 1)
    assert found_after(more) == {"unsettled", "money_off"}


def test_a_seed_is_a_run_it_repeats_in_everything_that_happens(stage: Stage) -> None:
    first, second = (run(stage, 7, steps=10) for _ in range(2))

    assert (first.trace, first.faults, first.found) == (second.trace, second.faults, second.found)
    assert first.faults.total() > 0


def test_what_ran_before_changes_no_call_of_it(stage: Stage) -> None:
    def calls_of(seed: int) -> int:
        points = [stage.hq_points, *(node.points for node in stage.seats)]
        before = sum(each.calls for each in points)
        run(stage, seed)
        return sum(each.calls for each in points) - before

    first = calls_of(7)
    calls_of(8)

    assert [calls_of(7), calls_of(7)] == [first, first]


def test_the_command_tells_as_json_what_the_runs_came_to() -> None:
    told = CliRunner().invoke(cli, ["torture", "--seed", "3", "--runs", "1", "--json"])

    document = json.loads(told.stdout)
    assert told.exit_code == 0
    assert document["runs"] == 1
    assert document["faults"] == sum(document["kinds"].values())
    assert {failing: document[failing] for failing in FAILINGS} == dict.fromkeys(FAILINGS, 0)


def test_the_command_names_the_seed_of_a_failing_run_and_ends_with_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lose(_stage: Stage, seed: int) -> Verdict:
        verdict = Verdict(seed)
        verdict.found["lost"] = 1
        verdict.trace.append("work B001")
        return verdict

    monkeypatch.setattr(campaigns, "run", lose)
    told = CliRunner().invoke(cli, ["torture", "--seed", "41", "--json"])

    assert told.exit_code == commands.WRONG
    assert json.loads(told.stdout)["failed_seeds"] == [41]
    assert "41" in told.stderr
    assert "work B001" in told.stderr
    assert "--database" not in told.stderr


def test_a_run_on_a_server_is_told_with_that_server_and_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose(
        seed: int, runs: int, heed: Callable[[Verdict], object], *, server: str, receivers: int
    ) -> campaigns.Outcome:
        verdict = Verdict(seed)
        verdict.found["lost"] = runs
        heed(verdict)
        return campaigns.Outcome(runs, failed=[verdict])

    monkeypatch.setattr(commands, "campaign", lose)
    with pytest.raises(SystemExit):
        commands.torture(
            41, 1, server="postgresql://who:secret@db.example/postgres", as_json=False, receivers=2
        )

    told = capsys.readouterr().err
    assert (
        "branch-node torture --seed 41 --receivers 2 --database postgresql://who:***@db.example/postgres"
        in told
    )
    assert "secret" not in told


@pytest.mark.parametrize("server", ["nonsense", "postgresql://nobody@127.0.0.1:1/postgres"])
def test_a_server_that_cannot_be_used_is_told_in_one_sentence(server: str) -> None:
    told = CliRunner().invoke(cli, ["torture", "--database", server, "--language", "en"])

    assert told.exit_code == commands.WRONG
    assert told.stderr.startswith("The database cannot be used now: ")


class CompanyMachine(RuleBasedStateMachine):
    """The same acts, chosen by Hypothesis, which shrinks what fails to the few acts that matter."""

    stage: Stage

    @initialize(seed=st.integers(0, 2**16), both=st.booleans())
    def begin(self, seed: int, both: bool) -> None:
        self.company = Company(self.stage, Random(seed))
        self.stage.nodes[-1].live = both

    @rule(which=st.integers(0, 3), kind=st.sampled_from(["add", "edit", "remove", "poison"]))
    def work(self, which: int, kind: str) -> None:
        node = self.node(which)
        if kind == "poison":
            self.company.edit(node, poison=True)
        else:
            getattr(self.company, kind)(node)

    @rule(
        which=st.integers(0, 3), rate=st.sampled_from([0.0, 0.3, 0.6]), strike=st.sampled_from(["", *STRIKES])
    )
    def push(self, which: int, rate: float, strike: str) -> None:
        node = self.node(which)
        node.line.rate = rate
        self.company.push(node, strike=strike)
        self.company.pass_time(seconds=60)

    @rule(which=st.integers(0, 3))
    def back_up(self, which: int) -> None:
        self.company.back_up(self.node(which))

    @rule(which=st.integers(0, 3), restored=st.booleans())
    def set_back(self, which: int, restored: bool) -> None:
        self.company.set_back(self.node(which), restored=restored)

    @rule(which=st.integers(0, 3), act=st.sampled_from(["copy", "jump_clock", "compute_months"]))
    def disturb(self, which: int, act: str) -> None:
        getattr(self.company, act)(self.node(which))

    @rule(act=st.sampled_from(["back_up_hq", "set_back_hq", "deliver_late"]))
    def elsewhere(self, act: str) -> None:
        getattr(self.company, act)()

    def node(self, which: int):
        return self.stage.nodes[which % len(self.stage.nodes)]

    def teardown(self) -> None:
        if hasattr(self, "company"):
            found = heal(self.company)
            assert not [failing for failing in FAILINGS if found[failing]], found


def test_no_order_of_acts_that_hypothesis_finds_loses_anything(stage: Stage) -> None:
    CompanyMachine.stage = stage
    some = settings(
        max_examples=6, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(CompanyMachine, settings=some)


def test_every_act_and_every_strike_is_among_what_a_run_chooses_from() -> None:
    assert set(STRIKES) == {"kill", "line-kill", "hq-kill", "error", "hq-error"}
    assert {"set-back", "restore", "copy", "set-back-hq", "clock", "poison", "damage", "late"} <= set(WEIGHTS)
    assert all(WEIGHTS.values())
