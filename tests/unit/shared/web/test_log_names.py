"""Whatever the operation log tells of has a word, so that nobody reads the name of a column."""

import branch_node.app  # noqa: F401 - maps the branch's tables
import hq_server.app  # noqa: F401 - maps head office's
from shared.db.base import Base
from shared.domain.wire_words import COLUMN_NAMES
from shared.web.oplog.names import DETAILS, FIELDS


def test_every_column_the_log_tells_of_has_a_word():
    told = {
        column.key
        for mapper in Base.registry.mappers
        if getattr(mapper.class_, "__log__", None)
        for column in mapper.columns
    }

    assert len(told) > 50
    assert sorted(told - COLUMN_NAMES.keys() - FIELDS.keys()) == []


def test_a_word_stands_in_one_place_only():
    assert not FIELDS.keys() & DETAILS.keys()
    assert not COLUMN_NAMES.keys() & FIELDS.keys()
