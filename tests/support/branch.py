"""A branch's database of its own for each test, on SQLite and on PostgreSQL, and short ways to fill it.

Import `database`, `sessions` and `rows` into a conftest.py to use them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy.orm import Session, sessionmaker

from branch_node.billing.models import BillLine
from branch_node.customers import operations as customers
from branch_node.customers.models import Contact, Customer
from branch_node.managers.models import Manager
from branch_node.offers.models import OfferAnswer
from branch_node.questions.models import QuestionAnswer
from branch_node.tables import APP
from branch_node.units.models import Unit, UnitEvent
from branch_node.worklogs.models import WorkLog
from shared.audit.keyring import CARRIED, LogKeys
from shared.config import Home
from shared.db.engine import Database
from shared.db.migrations import upgrade
from shared.db.scope import ScopedSession
from shared.domain.billing.vocabulary import BillKind
from shared.domain.contacts.vocabulary import ContactStanding, ContactStatus
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.offers.vocabulary import OfferStep
from shared.domain.questions.vocabulary import Indicator, Way
from shared.domain.units.vocabulary import UnitEventKind, UnitStatus
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.ids import new_id
from shared.stamp import Stamp, Via
from tests.support.databases import DatabaseFactory

NOON: Final = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)  # a Wednesday, 12:00 in Shanghai
SHANGHAI: Final = "Asia/Shanghai"
ANA: Final = Stamp(NOON, "ana", Via.WEB, "10.0.0.7")


def _build(url: str) -> None:
    database = Database(url)
    upgrade(database, APP)
    database.dispose()


@pytest.fixture
def database(
    dialect: str, database_factory: DatabaseFactory, make_database_url: Callable[..., str], tmp_path: Path
) -> Iterator[Database]:
    """An empty branch database, migrated; its log is sealed with the key of the home that `app` has."""
    url = make_database_url(dialect, database_factory.template(dialect, "branch_pages", _build))
    database = Database(url, carried={CARRIED: LogKeys(Home(tmp_path / "home"))})
    yield database
    database.dispose()


@pytest.fixture
def sessions(database: Database) -> sessionmaker[ScopedSession]:
    """Sessions for writing."""
    return database.sessions


@dataclass
class Rows:
    """Writes rows as the ORM would, each in its own transaction."""

    sessions: sessionmaker[Session]
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def manager(self, **values: Any) -> str:
        """Add an account manager and return the id."""
        number = next(self._numbers)
        defaults = {"manager_no": f"M{number:03}", "name": f"经理{number}", "status": ManagerStatus.ACTIVE}
        return self._add(Manager(**{**defaults, **_made(), **_changed(), **values}))

    def customer(self, **values: Any) -> str:
        """Add a customer, indexed, and return the id."""
        number = next(self._numbers)
        defaults = {
            "customer_no": f"C{number:05}",
            "kind": CustomerKind.INDIVIDUAL,
            "name": f"客户{number}",
            "status": CustomerStatus.ACTIVE,
            "tags": [],
            "attributes": {},
        }
        return self._add(Customer(**{**defaults, **_made(), **_changed(), **values}))

    def bill_line(self, customer_id: str, **values: Any) -> str:
        """Add a bill line and return the id."""
        number = next(self._numbers)
        defaults = {
            "bill_no": f"B{number:06}",
            "customer_id": customer_id,
            "product": "宽带",
            "period": "2026-03",
            "kind": BillKind.CHARGE,
            "amount_minor": 10_000,
            "currency": "CNY",
            "booked_on": date(2026, 3, 1),
        }
        return self._add(BillLine(**{**defaults, **_made(), **values}))

    def work_log(self, manager_id: str, **values: Any) -> str:
        """Add a work log entry and return the id."""
        number = next(self._numbers)
        defaults = {
            "log_no": f"L{number:06}",
            "manager_id": manager_id,
            "kind": WorkLogKind.CALL,
            "started_at": NOON,
            "entered_at": NOON,
            "text": "谈了续约",
        }
        return self._add(WorkLog(**{**defaults, **_made(), **values}))

    def contact(self, customer_id: str, **values: Any) -> str:
        """Add a contact person and return the id."""
        number = next(self._numbers)
        defaults = {
            "contact_no": f"P{number:05}",
            "customer_id": customer_id,
            "name": f"联系人{number}",
            "standing": ContactStanding.ORDINARY,
            "do_not_contact": [],
            "status": ContactStatus.ACTIVE,
        }
        return self._add(Contact(**{**defaults, **_made(), **_changed(), **values}))

    def offer_answer(self, customer_id: str, **values: Any) -> str:
        """Add that an offer was made to a customer and return the id."""
        defaults = {
            "customer_id": customer_id,
            "offer_code": "FIBRE",
            "step": OfferStep.MADE,
            "happened_on": NOON.date(),
        }
        return self._add(OfferAnswer(**{**defaults, **_made(), **values}))

    def question_answer(self, customer_id: str, **values: Any) -> str:
        """Add that a customer gave a score and return the id."""
        defaults = {
            "customer_id": customer_id,
            "question_code": "NPS",
            "question_version": 1,
            "indicator": Indicator.SATISFACTION,
            "score": 4,
            "way": Way.PHONE,
            "answered_on": NOON.date(),
        }
        return self._add(QuestionAnswer(**{**defaults, **_made(), **values}))

    def unit(self, customer_id: str, **values: Any) -> str:
        """Add a tracked unit that came to a customer and return the id."""
        number = next(self._numbers)
        defaults = {"serial_no": f"LSV{number:06}", "status": UnitStatus.IN_USE, "owner_id": customer_id}
        unit = self._add(Unit(**{**defaults, **_made(), **_changed(), **values}))
        came = {"kind": UnitEventKind.OWNER, "customer_id": customer_id, "happened_on": NOON.date()}
        self._add(UnitEvent(unit_id=unit, **came, **_made()))
        return unit

    def _add(self, row: Any) -> str:
        with self.sessions.begin() as session:
            session.add(row)
            session.flush()
            customers.index_changed(session)
        return str(row.id)


@pytest.fixture
def rows(sessions: sessionmaker[Session]) -> Rows:
    """Short ways to fill the database."""
    return Rows(sessions)


def _made() -> dict[str, Any]:
    return {"id": new_id(), "created_at": NOON, "created_by": "import"}


def _changed() -> dict[str, Any]:
    return {"updated_at": NOON, "updated_by": "import"}
