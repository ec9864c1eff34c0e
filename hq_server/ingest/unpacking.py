"""Taking in a package of batches that came as a file, and writing the receipts that go back the same way.

Each batch is checked and applied as if it had come over the line, in its own transaction; what the line brought
before gets the same receipt again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch, BranchKey
from hq_server.gate.errors import SyncRefusedError
from hq_server.ingest.operations import Delivery, check_delivery, receive_batch
from hq_server.runtime import HqRuntime
from shared.audit.operations import record
from shared.db.base import instant_text
from shared.errors import N_, BranchlineError
from shared.stamp import Stamp
from sync_protocol.catalog import Bindings
from sync_protocol.contract.canonical import canonical_json
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.keys import WrongSignatureError, check_message
from sync_protocol.contract.package import (
    BATCHES,
    PACKAGE,
    RECEIPTS,
    BrokenPackageError,
    Package,
    open_package,
    write_package,
)
from sync_protocol.contract.payload import (
    MalformedBatchError,
    OversizeError,
    UnreadableProtocolError,
    decompress,
    parse_payload,
)


class BadPackageError(BranchlineError):
    """The file is no package for this server, or not of a node it knows."""

    code = "bad-package"
    message = N_("%(file)s: %(problem)s")


@dataclass
class Unpacked:
    """What came of a package: batches taken (also those known before), rows parked, batches refused with the reason."""

    branch: str
    made_at: str
    taken: int = 0
    rows: int = 0
    parked: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)


def unpack(runtime: HqRuntime, source: Path, receipts: Path, *, by: Stamp) -> Unpacked:
    """Take in the package at `source` and write the receipts to `receipts`; raises BadPackageError, OSError."""
    try:
        with open_package(source, runtime.identity.private_key) as package:
            branch, key = _check_sender(runtime, package, source.name)
            outcome, kept = _take_all(runtime, package, branch, by=by)
    except BrokenPackageError as error:
        raise BadPackageError(file=source.name, problem=str(error)) from error
    with receipts.open("wb") as file:
        write_package(
            file,
            [(name, canonical_json(dict(receipt))) for name, receipt in kept],
            kind=RECEIPTS,
            branch=branch.code,
            node=package.manifest.node,
            made_at=instant_text(by.at),
            private_key=runtime.identity.private_key,
            receiver=key,
        )
    with runtime.database.sessions.begin() as session:
        told = {"file": source.name, "taken": outcome.taken, "refused": len(outcome.refused)}
        record(session, "sync.unpacked", subject=("branch", branch.code), by=by, details=told)
    return outcome


def _check_sender(runtime: HqRuntime, package: Package, name: str) -> tuple[Branch, bytes]:
    """Return the branch whose pinned key signed the package, and that key; raises BadPackageError."""
    with runtime.database.reads() as session:
        for branch, key in _pinned(session, package.manifest.node, runtime.clock.now()):
            try:
                check_message(key, PACKAGE, package.document, package.signature)
            except WrongSignatureError:
                continue
            if package.manifest.kind == BATCHES and package.manifest.branch == branch.code:
                return branch, key
    raise BadPackageError(file=name, problem=N_("it was not made by a node this head office knows"))


def _pinned(session: Session, node: str, now: datetime) -> Sequence[tuple[Branch, bytes]]:
    rows = session.execute(
        select(Branch, BranchKey.public_key)
        .join(BranchKey, BranchKey.branch_number == Branch.number)
        .where(
            Branch.node_id == node,
            BranchKey.revoked_at.is_(None),
            or_(BranchKey.valid_until.is_(None), BranchKey.valid_until > now),
        )
    )
    return [(row[0], row[1]) for row in rows]


def _take_all(
    runtime: HqRuntime, package: Package, branch: Branch, *, by: Stamp
) -> tuple[Unpacked, list[tuple[str, Any]]]:
    outcome = Unpacked(branch=branch.code, made_at=package.manifest.made_at)
    kept: list[tuple[str, Any]] = []
    for key, body in package.contents():
        try:
            with runtime.database.sessions.begin() as session:
                delivery = _read(session, branch, key, body, by, runtime.bindings)
                receipt = receive_batch(
                    session, delivery, bindings=runtime.bindings, identity=runtime.identity
                )
        except SyncRefusedError as error:
            # The batches that follow it in its channel are refused as a gap; other channels go on.
            told = {"batch": key, "code": error.problem.value.code, "detail": error.detail}
            outcome.refused.append(told)
            continue
        kept.append((key, receipt))
        outcome.taken += 1
        outcome.rows += delivery.batch.header.rows
        outcome.parked += len(receipt["receipt"]["parked"])
    return outcome, kept


def _read(session: Session, branch: Branch, key: str, body: bytes, by: Stamp, bindings: Bindings) -> Delivery:
    """Return one batch as a delivery; raises SyncRefusedError."""
    try:
        batch = parse_payload(decompress(body, "zstd"))
    except (MalformedBatchError, UnreadableProtocolError, OversizeError) as error:
        raise SyncRefusedError(Problem.MALFORMED, str(error)) from error
    check_delivery(session, branch, batch, key, bindings=bindings)
    return Delivery(branch_number=branch.number, batch=batch, wire_bytes=len(body), at=by.at)
