"""Nothing that people or programs change escapes the operation log, and every event has its kind of act."""

import ast
import re

import pytest

from branch_node.tables import APP as BRANCH
from hq_server.tables import APP as HQ
from shared.audit.vocabulary import VERBS
from shared.db.base import Base
from tests.architecture.sources import ROOT

# Tables whose rows the log does not tell one by one, and why.
KEPT_BY_PROGRAM = "kept by the program for itself; what people do about it is recorded by the operation"
COMPUTED = "computed from other rows, again whenever they change"
REPLICA = "a copy of what the branch's own log tells; the transfer ledger is its record"
SECRETS = "secrets and sessions; every act about them is recorded by the operation"
RECORDED = "its acts are recorded by the operation with more than the row says"
TECHNICAL = {
    "audit_entries": "the log itself",
    "audit_head": "the log itself",
    "audit_keys": "the log itself",
    "alarms": RECORDED,
    "archive_entries": RECORDED,
    "archive_head": KEPT_BY_PROGRAM,
    "announcement_readings": "is itself the record of who read what and when",
    "handover_customers": RECORDED,
    "document_versions": RECORDED,
    "document_chunks": "the bytes of documents; the operation that writes them records their digest",
    "imports": RECORDED,
    "import_matches": RECORDED,
    "import_edits": RECORDED,
    "feed_items": RECORDED,
    "feed_tellings": KEPT_BY_PROGRAM,
    "feed_standings": KEPT_BY_PROGRAM,
    "feed_head": KEPT_BY_PROGRAM,
    "parked_records": RECORDED,
    "resends": RECORDED,
    "resend_asks": RECORDED,
    "recovered_rows": RECORDED,
    "refused_records": KEPT_BY_PROGRAM,
    "membership": RECORDED,
    "node_keys": RECORDED,
    "branch_keys": RECORDED,
    "branch_nodes": RECORDED,
    "branch_lineages": RECORDED,
    "enrolment_codes": RECORDED,
    "lineages": RECORDED,
    "closed_customers": KEPT_BY_PROGRAM,
    "log_views": "a person's own way of looking at the log",
    "list_views": RECORDED,
    "list_starts": "a person's own way of looking at a list",
    "served_regions": RECORDED,
    "setup_finished": RECORDED,
    "two_person_acts": RECORDED,
    "exports": RECORDED,
    "staff": COMPUTED,
    "unit_owners": COMPUTED,
    **dict.fromkeys(("sessions", "second_steps", "recovery_codes", "sign_in_throttles"), SECRETS),
    "access_tokens": SECRETS,
    "customer_field_ages": RECORDED,
    "bulk_acts": RECORDED,
    "bulk_rows": RECORDED,
    "answered_requests": KEPT_BY_PROGRAM,
}
FAMILIES = {
    r"replica_.*": REPLICA,
    r"(analysis_.*|customer_months|operation_months|day_closes|day_marks|day_checks)": COMPUTED,
    r"(sync_.*|job_.*|search_.*|import_rows|import_refusals|inbound_.*|inbox_batches)": KEPT_BY_PROGRAM,
    r"(receiver_loads|record_proofs|sending_paces|proofs|proof_.*|chain_positions)": KEPT_BY_PROGRAM,
    r"duplicate_.*": COMPUTED,
    r"erasures_done": KEPT_BY_PROGRAM,
    r"(log_heads|archive_ends|log_witnesses|hq_log_ends|upkeep_counts)": KEPT_BY_PROGRAM,
    r"(carried_values|schemas_taken|hq_backups|hq_backed_up|backed_up_chains)": KEPT_BY_PROGRAM,
}


def _told():
    return {
        str(mapper.class_.__tablename__)
        for mapper in Base.registry.mappers
        if getattr(mapper.class_, "__log__", None)
    }


def _excused(name):
    return name in TECHNICAL or any(re.fullmatch(pattern, name) for pattern in FAMILIES)


@pytest.mark.parametrize("app", [BRANCH, HQ], ids=["branch", "hq"])
def test_every_table_is_told_or_has_a_reason_not_to_be(app):
    tables = {table.name for table in app.tables()}
    told = _told()

    assert sorted(name for name in tables if name not in told and not _excused(name)) == []
    assert sorted(name for name in tables if name in told and _excused(name)) == []


def test_no_reason_stands_for_a_table_that_is_gone():
    tables = {table.name for app in (BRANCH, HQ) for table in app.tables()}
    assert sorted(set(TECHNICAL) - tables) == []


def test_every_event_that_is_recorded_has_its_kind_of_act():
    known = {verb for verbs in VERBS.values() for verb in verbs.split()}
    unknown = {
        event
        for package in ("shared", "branch_node", "hq_server")
        for path in (ROOT / package).rglob("*.py")
        for event in _events(path)
        if event.rpartition(".")[2].replace("_", "-") not in known
    }
    assert sorted(unknown) == []


def _events(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in {"record", "noted"} and len(node.args) > 1:
            event = node.args[1]
            if isinstance(event, ast.Constant) and isinstance(event.value, str):
                yield event.value
