"""A node from before there were several receivers: what it had is head office's afterwards, and goes on as it was."""

import pytest
from sqlalchemy import inspect, select, text

from branch_node.outbound.models import HqBackedUp, Membership
from branch_node.tables import APP
from shared.db.engine import Database
from shared.db.migrations import downgrade, upgrade
from sync_protocol.changelog.models import ChainHead, Change, OutboxBatch

BEFORE = "e5c8bf7469e4"
ID = "01936d0a-0000-7000-8000-000000000001"
AT = "2026-11-20T04:00:00.000000Z"
ROWS = (
    "INSERT INTO membership (id, node_id, branch_code, branch_name, hq_url, hq_id, hq_public_key, lineage, "
    f"lineage_id, joined_at, push_interval_s) VALUES (1, '{ID}', 'B001', 'x', 'https://hq.example', '{ID}', "
    f"'k', 1, '{ID}', '{AT}', 600)",
    f"INSERT INTO sync_changes (record_type, record_id, op, batch_id) VALUES ('customer', '{ID}', 'I', 1)",
    f"INSERT INTO sync_changes (record_type, record_id, op) VALUES ('customer', '{ID}', 'U')",
    "INSERT INTO sync_outbox (lineage, channel, batch_no, record_type, rows, changes, digest, sealed_at, payload, "
    f"payload_bytes) VALUES (1, 'profile', 1, 'customer', 1, 1, 'd', '{AT}', 'bytes', 5)",
    "INSERT INTO sync_chain_heads (channel, lineage, batch_no, digest) VALUES ('profile', 1, 1, 'd')",
    f"INSERT INTO hq_backed_up (channel, lineage, batch_no, told_at) VALUES ('profile', 1, 1, '{AT}')",
)


@pytest.fixture
def database(database_url):
    opened = Database(database_url)
    upgrade(opened, APP)
    downgrade(opened, APP, BEFORE)
    with opened.engine.begin() as connection:
        for row in ROWS:
            connection.execute(text(row))
    yield opened
    opened.dispose()


def test_what_a_node_had_is_head_offices(database):
    upgrade(database, APP)

    with database.reads() as session:
        assert session.scalars(select(Change.batch_id).order_by(Change.id)).all() == [1, None]
        batch = session.scalars(select(OutboxBatch)).one()
        assert (batch.receiver, batch.batch_no, batch.payload_bytes) == ("hq", 1, 5)
        assert session.get_one(ChainHead, "profile").receiver == "hq"
        assert session.get_one(HqBackedUp, "profile").batch_no == 1
        assert session.get_one(Membership, 1).receiver == "hq"
    with database.of("region").reads() as session:
        assert session.scalars(select(Change.id)).all() == []
        assert session.scalar(select(Membership)) is None


def test_numbers_of_batches_are_never_given_again_by_the_rebuilt_table(database):
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM sync_outbox"))
    upgrade(database, APP)
    with database.engine.begin() as connection:
        connection.execute(text(ROWS[3]))
        assert connection.scalar(text("SELECT id FROM sync_outbox")) == 2
        unique = inspect(connection).get_unique_constraints("sync_outbox")
    assert [one["column_names"] for one in unique] == [["receiver", "lineage", "channel", "batch_no"]]
