"""Whether a batch's rows sum up to the control totals in its header."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from hq_server.proof.alarms import CONTROL_DIFFERS
from shared.alarms.operations import raise_alarm
from sync_protocol.catalog import CATALOG
from sync_protocol.contract.payload import Batch

Totals = dict[str, dict[str, dict[str, int]]]


def check_control(session: Session, batch: Batch, *, at: datetime) -> bool:
    """Compare the sums of the rows received with those the branch told; raise an alarm when they differ.

    False then. Rows that cannot be read are refused and told as such; a batch with one is not compared.
    """
    header = batch.header
    found = sums_of(batch)
    if found is None or found == _without_zeros(header.control):
        return True
    raise_alarm(
        session,
        CONTROL_DIFFERS,
        ("batch", f"{header.branch}/{header.channel}/{header.lineage}/{header.batch_no}"),
        at=at,
        details={
            "branch": header.branch,
            "batch_no": header.batch_no,
            "told": _in_words(header.control),
            "found": _in_words(found),
        },
    )
    return False


def sums_of(batch: Batch) -> Totals | None:
    """Return the sums of a batch's rows by currency, period and kind; None where there is nothing to sum."""
    record = CATALOG[batch.header.record]
    money = record.money
    if money is None or not batch.block:
        return {} if money is not None else None
    columns = batch.header.columns
    currency, period, kind, amount = (
        columns.index(name) for name in (money.currency, money.period, money.kind, money.amount)
    )
    totals: Totals = {}
    try:
        for row in msgspec.json.Decoder(list[Any]).decode_lines(batch.block):
            kinds = totals.setdefault(row[currency], {}).setdefault(row[period], {})
            kinds[row[kind]] = kinds.get(row[kind], 0) + row[amount]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError, TypeError):
        return None
    return _without_zeros(totals)


def _without_zeros(totals: Totals) -> Totals:
    """Return totals without the empty ones: nothing and a sum of 0 say the same."""
    found: Totals = {}
    for currency, periods in totals.items():
        for period, kinds in periods.items():
            for kind, amount in kinds.items():
                if amount:
                    found.setdefault(currency, {}).setdefault(period, {})[kind] = amount
    return found


def _in_words(totals: Totals) -> str:
    parts = [
        f"{currency} {period} {kind} {amount}"
        for currency, periods in sorted(totals.items())
        for period, kinds in sorted(periods.items())
        for kind, amount in sorted(kinds.items())
    ]
    return "; ".join(parts[:10]) or "0"
