"""Twenty bugs put into the protocol one at a time, each of which the simulation must notice: `make seeded-bugs`.

A bug is a change of source text inside one function. The function is compiled with it and given the new code for
as long as the story runs; a text that is no longer there exactly once fails loudly.
"""

import importlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from branch_node.torture.campaign import opened_stage
from branch_node.torture.run import run
from branch_node.torture.stage import Stage
from tests.simulation import scenarios as story
from tests.simulation.scenarios import Scene

RUNS = 40


@dataclass(frozen=True)
class Bug:
    """What is broken, where, by which change, and the story that tells; `told_by` None: seeded runs find it."""

    name: str
    function: str
    right: str
    wrong: str
    told_by: Callable[[Scene], None] | None = None


BUGS = (
    Bug(
        "head office answers although its commit failed",
        "hq_server.ingest.routes:_take_in",
        "        if error.problem is Problem.FORK:\n            _tell_of_fork(delivery, error.detail)\n        raise\n",
        "        raise\n    except Exception:\n        pass\n",
        story.a_failed_commit_is_no_receipt,
    ),
    Bug(
        "a batch delivered twice is not known",
        "hq_server.ingest.operations:receive_batch",
        "known = _find_inbox(session, delivery)",
        "known = None",
    ),
    Bug(
        "a gap is skipped",
        "hq_server.ingest.operations:_check_place",
        "if header.batch_no > position.batch_no + 1:",
        "if header.batch_no > position.batch_no + 1:\n        return\n    if False:",
        story.a_gap_is_refused,
    ),
    Bug(
        "order comes from the clock",
        "sync_protocol.loading:_conflict_clause",
        'f"WHERE (excluded.row_lineage, excluded.row_change) > ({table.name}.row_lineage, {table.name}.row_change)"',
        'f"WHERE excluded.updated_at > {table.name}.updated_at" if "updated_at" in columns else ""',
        story.order_comes_from_versions,
    ),
    Bug(
        "the chain is not checked",
        "hq_server.ingest.operations:_check_place",
        "if header.prev_digest != position.digest:",
        "if False:",
        story.a_batch_of_another_history_is_refused,
    ),
    Bug(
        "digests of one number are not compared",
        "hq_server.ingest.operations:receive_batch",
        "if known.digest != delivery.batch.digest:",
        "if False:",
        story.a_number_has_one_content,
    ),
    Bug(
        "a fork is accepted: a branch set back goes on",
        "branch_node.outbound.histories:find_unknown",
        "    hq = lineage_at_hq(state)\n    if hq is None or hq < member.lineage:",
        "    hq = lineage_at_hq(state)\n    if True:",
        story.a_branch_set_back_is_noticed,
    ),
    Bug(
        "contacts are not checked",
        "hq_server.gate.contacts:take_contact",
        "if last is None or last == contact or last in before:",
        "if True:",
        story.two_machines_are_never_both_the_branch,
    ),
    Bug(
        "a contact is not on disk when it is sent",
        "shared.config:Home._append",
        "os.fsync(file.fileno())",
        "pass",
        story.a_contact_is_on_disk_before_it_is_sent,
    ),
    Bug(
        "changes are marked before their batch, in a transaction of their own",
        "sync_protocol.changelog.sealing:seal_next",
        "    batch = _store(",
        "    session.execute(update(Change).where(*_unsealed(binding, taken)).values(batch_id=0))\n"
        '    session.connection().exec_driver_sql("COMMIT")\n'
        '    session.connection().exec_driver_sql("BEGIN IMMEDIATE")\n'
        "    batch = _store(",
        story.marks_and_batch_commit_together,
    ),
    Bug(
        "what was sealed for a lost history stays sealed",
        "branch_node.outbound.histories:_give_up",
        ".values(batch_id=None)",
        ".values(batch_id=Change.batch_id)",
        story.what_was_sealed_for_a_lost_history_is_sealed_anew,
    ),
    Bug(
        "rows that only head office has are not fetched",
        "branch_node.outbound.histories:begin_lineage",
        "fetched = fetch_recovered(Versions.told(state).narrowed(runtime), client, number, common)",
        "fetched = 0",
    ),
    Bug(
        "a conflict is overwritten",
        "branch_node.outbound.recovered:_put_back_one",
        "if _changed_here(session, binding, row.record_id):",
        "if False:",
        story.both_versions_are_kept_where_both_sides_changed,
    ),
    Bug(
        "removals are forgotten",
        "hq_server.ingest.lineages:read_recovery",
        "removed=[(stone.row_change, stone.id) for stone in stones]",
        "removed=[]",
        story.what_was_removed_stays_removed,
    ),
    Bug(
        "a receipt is not verified",
        "branch_node.outbound.client:HqClient._signed_part",
        "check_message(self._credentials.hq_public_key, purpose, content, signature)",
        "pass",
        story.a_receipt_nobody_signed_is_none,
    ),
    Bug(
        "what a restored head office lost is not offered again",
        "branch_node.outbound.histories:offer_again",
        "reopened += reopen(",
        "reopened += 0 and reopen(",
        story.a_restored_head_office_gets_all_of_it_at_once,
    ),
    Bug(
        "a refused row is dropped",
        "hq_server.parking.operations:_keep",
        "        session.add(line)\n",
        "",
        story.refused_rows_are_kept_and_children_wait,
    ),
    Bug(
        "a barrier is compared with what changed under it",
        "hq_server.proof.operations:compare_barrier",
        "holder.selection(barrier.open)",
        "holder.selection([])",
        story.a_barrier_leaves_out_what_changes_under_it,
    ),
    Bug(
        "a repair sends nothing",
        "branch_node.proof.operations:plan_repair",
        "touch(session, name, changed=sent, removed=removed)",
        "()",
        story.a_difference_is_repaired,
    ),
    Bug(
        "money is summed as float",
        "sync_protocol.changelog.sealing:_control_totals",
        "= int(amount)",
        "= int(float(amount))",
        story.great_sums_are_exact,
    ),
)


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Give the function the bug, and its own code back."""
    module_name, _, path = bug.function.partition(":")
    module = importlib.import_module(module_name)
    function = find_function(module_name, path)
    right = function.__code__
    source = inspect.getsource(module)
    begins = right.co_firstlineno - 1
    lines = source.splitlines(keepends=True)
    length = len(inspect.getblock(lines[begins:]))
    text = "".join(lines[begins : begins + length])
    assert text.count(bug.right) == 1, f"{bug.function} has changed: plant the bug anew ({bug.right!r})"
    broken = "".join(lines[:begins]) + text.replace(bug.right, bug.wrong) + "".join(lines[begins + length :])
    function.__code__ = _code_in(compile(broken, module.__file__ or "?", "exec"), path)
    try:
        yield
    finally:
        function.__code__ = right


def catch(stage: Stage, bug: Bug) -> str | None:
    """Plant a bug and return what noticed it; None when nothing did."""
    with planted(bug):
        if bug.told_by is not None:
            return _tell(stage, bug.told_by)
        for seed in range(RUNS):
            try:
                verdict = run(stage, seed)
            except Exception as error:  # noqa: BLE001 - a bug may also crash the run
                return f"seed {seed}: {type(error).__name__}"
            if not verdict.good:
                return f"seed {seed}: {dict(+verdict.found)}"
    return None


def _tell(stage: Stage, told_by: Callable[[Scene], None]) -> str | None:
    try:
        told_by(Scene(stage))
    except Exception as error:  # noqa: BLE001 - a bug may also crash the story
        return f"{told_by.__name__}: {type(error).__name__} {str(error).splitlines()[:1]}"
    return None


def find_function(module: str, path: str) -> FunctionType:
    """Return the function at `path` in a module, without its decorators."""
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    function = inspect.unwrap(found)
    assert isinstance(function, FunctionType)
    return function


def _code_in(code: CodeType, qualname: str) -> CodeType:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == qualname:
                return constant
            if qualname.startswith(constant.co_qualname + "."):
                return _code_in(constant, qualname)
    raise LookupError(qualname)


def main() -> int:
    """Plant every bug and tell what noticed it; return how many were not noticed."""
    logging.disable(logging.CRITICAL)
    caught = 0
    chosen = [bug for bug in BUGS if not sys.argv[1:] or any(word in bug.name for word in sys.argv[1:])]
    with opened_stage() as stage:
        for bug in chosen:
            noticed = catch(stage, bug)
            caught += noticed is not None
            print(f"{'caught' if noticed else 'MISSED'}: {bug.name} ({noticed})", flush=True)
    print(f"caught {caught} of {len(chosen)}")
    return len(chosen) - caught


if __name__ == "__main__":
    sys.exit(main())
