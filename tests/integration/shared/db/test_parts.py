"""The beginning of a list knows how long the list is."""

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, select
from sqlalchemy.orm import Session

from shared.db.parts import first_of

NUMBERS = Table("numbers", MetaData(), Column("number", Integer, primary_key=True))


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 9])
def test_the_first_rows_of_a_list_come_in_its_order_with_how_many_there_are(database_url, rows):
    engine = create_engine(database_url)
    NUMBERS.create(engine)
    with Session(engine) as session:
        if rows:
            session.execute(NUMBERS.insert(), [{"number": each} for each in range(rows)])
        part = first_of(session, select(NUMBERS.c.number).order_by(NUMBERS.c.number.desc()), 3)
    engine.dispose()

    assert [*part] == [*range(rows)][::-1][:3]
    assert (len(part), part.total, part.cut) == (min(rows, 3), rows, rows > 3)
