"""The Telco file over three branches: imported by the command, pushed, and found whole at head office."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.demo.nodes import Node, free_ports
from tests.demo.show import today_in_the_zone
from tests.real_data.telco import Share, deal_out, write_share

BRANCHES = ("T001", "T002", "T003")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("telco")]


@dataclass(frozen=True)
class Outcome:
    """What the three branches reported of their imports, and what every node says of itself afterwards."""

    shares: dict[str, Share]
    imports: dict[str, dict[str, Any]]
    at_branch: dict[str, Any]
    at_hq: dict[str, Any]
    errors: dict[str, str]


@pytest.fixture(scope="module")
def outcome(real_data_folder, tmp_path_factory, database_factory) -> Iterator[Outcome]:
    """Branches on SQLite as they come, head office on PostgreSQL: the two databases in one run."""
    folder = tmp_path_factory.mktemp("telco")
    dealt = deal_out(real_data_folder / "telco_customers.csv", BRANCHES)
    shares = {
        code: write_share(folder / "files" / code, rows, today=today_in_the_zone().date())
        for code, rows in dealt.items()
    }
    hq = Node("hq-server", folder / "hq", free_ports([0])[0])
    branches = {code: Node("branch-node", folder / code, 0) for code in BRANCHES}
    hq_database = database_factory.create("postgresql")
    hq.run("init", "--database", hq_database)
    hq.start("--no-jobs")
    try:
        hq.wait_until_healthy()
        codes = {code: hq.run_json("enrol", code, f"Telco {code}")["code"] for code in BRANCHES}
        with ThreadPoolExecutor() as pool:
            work = {
                code: pool.submit(bring_in, node, shares[code], hq.url, codes[code])
                for code, node in branches.items()
            }
            imports = {code: future.result() for code, future in work.items()}
        yield Outcome(
            shares=shares,
            imports=imports,
            at_branch={code: node.run_json("status") for code, node in branches.items()},
            at_hq={branch["code"]: branch for branch in hq.run_json("status")["branches"]},
            errors={code: errors_file(share).read_text("utf-8-sig") for code, share in shares.items()},
        )
    finally:
        hq.stop()
        database_factory.drop(hq_database)


def bring_in(node: Node, share: Share, hq_url: str, code: str) -> dict[str, Any]:
    node.run("init")
    node.run("join", "--hq", hq_url, "--code", code)
    reports = {
        kind: node.run_json("import", kind, str(share.folder / f"{kind}.csv"))
        for kind in ("managers", "customers", "billing")
    }
    expected_exit = 2 if share.blank_rows else 0
    reports["totals"] = node.run_json(
        "import",
        "billing",
        str(share.folder / "telco.csv"),
        "--map",
        str(share.folder / "totals.toml"),
        "--errors",
        str(errors_file(share)),
        accept=(expected_exit,),
    )
    node.run("push")
    return reports


def errors_file(share: Share) -> Path:
    return share.folder / "errors.csv"


def test_hq_counts_every_customer_of_the_file(outcome):
    counted = {code: outcome.at_hq[code]["records"]["customer"] for code in BRANCHES}

    assert counted == {code: share.customers for code, share in outcome.shares.items()}
    assert sum(counted.values()) == 7043


def test_the_eleven_blank_charges_are_reported_by_row_and_not_guessed(outcome):
    for code, share in outcome.shares.items():
        report = outcome.imports[code]["totals"]
        assert [refusal["row"] for refusal in report["refused"]] == list(share.blank_rows)
        assert {(refusal["column"], refusal["code"]) for refusal in report["refused"]} <= {
            ("amount", "blank-number")
        }
        assert (report["read"], report["created"]) == (
            share.customers,
            share.customers - len(share.blank_rows),
        )
        assert "MonthlyCharges" in report["unknown_columns"]  # left out, and said so
        lines = outcome.errors[code].strip().splitlines()
        assert len(lines) == 1 + len(share.blank_rows)
    assert sum(len(share.blank_rows) for share in outcome.shares.values()) == 11


def test_nothing_else_is_refused(outcome):
    for reports in outcome.imports.values():
        for kind in ("managers", "customers", "billing"):
            assert (reports[kind]["refused"], reports[kind]["created"]) == ([], reports[kind]["read"])


def test_control_totals_at_hq_equal_those_of_each_branch_and_of_the_file_to_the_cent(outcome):
    for code, share in outcome.shares.items():
        assert totals(outcome.at_branch[code]) == share.expected
        assert totals(outcome.at_hq[code]) == share.expected


def test_hq_holds_as_many_records_of_each_type_as_the_branch_and_nothing_is_parked_or_pending(outcome):
    for code in BRANCHES:
        at_hq, at_branch = outcome.at_hq[code], outcome.at_branch[code]
        assert at_hq["records"] == at_branch["records"]
        assert (at_hq["parked"], at_branch["pending"]) == (0, 0)
        assert at_hq["applied_through"] == at_hq["received_through"] > 0


def totals(status: dict[str, Any]) -> Counter[tuple[str, str]]:
    assert set(status["totals"]) == {"CNY"}
    return Counter(
        {
            (period, kind): amount
            for period, kinds in status["totals"]["CNY"].items()
            for kind, amount in kinds.items()
            if amount
        }
    )
