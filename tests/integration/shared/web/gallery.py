"""A tiny node whose pages draw every macro and answer with every kind of error."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from flask import Blueprint, Flask, abort, render_template, render_template_string, request
from marshmallow import Schema, fields
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from shared.alarms.models import Alarm
from shared.audit.models import AuditEntry, AuditHead, AuditKey
from shared.auth.models import (
    AccessToken,
    AnsweredRequest,
    RecoveryCode,
    SecondStep,
    SignInThrottle,
    User,
    UserSession,
)
from shared.db.base import Base
from shared.db.engine import Database
from shared.domain.customers.vocabulary import CustomerStatus, Grade
from shared.errors import BranchlineError, Kind
from shared.i18n import lazy_gettext as _l
from shared.organisation.models import Department
from shared.rights.vocabulary import BRANCH_KINDS, Action, Resource
from shared.runtime import NodeRuntime
from shared.web.access import machine, public, requires, takes_body
from shared.web.app import create_flask
from shared.web.context import reading, writing
from shared.web.menu import LinkState, MenuEntry
from shared.web.organisation.pages import organisation_blueprint
from shared.web.paging import Page, PageRequest, paginate
from shared.web.people.pages import NodePeople, people_blueprint
from shared.web.tables import Column

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
TABLES = [
    table.__table__
    for table in (
        User,
        UserSession,
        SecondStep,
        RecoveryCode,
        SignInThrottle,
        AccessToken,
        AnsweredRequest,
        AuditEntry,
        AuditHead,
        AuditKey,
        Alarm,
        Department,
    )
]
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Customer:
    """A made-up row."""

    id: str
    number: str
    name: str
    grade: Grade
    status: CustomerStatus
    charges: int
    touched: datetime | None
    opened: date


COLUMNS = (
    Column(
        "number",
        _l("Customer number"),
        sort=True,
        link="gallery.show",
        link_arg="number",
        link_key="number",
        edit="gallery.edit",
    ),
    Column("name", _l("Name"), sort=True),
    Column("grade", _l("Grade"), kind="label"),
    Column("status", _l("State"), kind="own"),
    Column("charges", _l("Charges, CNY"), kind="amount", sort=True),
    Column("touched", _l("Last contact"), kind="instant"),
    Column("opened", _l("Opened on"), kind="date", wide=True),
)
NAMES = ("王小芳", "成都锦江国际贸易有限责任公司", "李强", "<script>alert(1)</script>", "欧阳文静")
CUSTOMERS = [
    Customer(
        id=str(number),
        number=f"KH{number:06}",
        name=NAMES[number % len(NAMES)],
        grade=list(Grade)[number % 4],
        status=list(CustomerStatus)[number % 4],
        charges=1_234_567 * number - 400_000,
        touched=NOON - timedelta(minutes=7**number) if number % 4 else None,
        opened=date(2024, 1, 1) + timedelta(days=number * 17),
    )
    for number in range(1, 9)
]
blueprint = Blueprint("gallery", __name__, template_folder=str(HERE / "templates"))


class Kinds:
    """One error class a kind."""

    @staticmethod
    def make(kind: Kind) -> BranchlineError:
        made = type("Made", (BranchlineError,), {"code": f"made-{kind}", "kind": kind})
        error: BranchlineError = made(retry_after=7) if kind is Kind.TOO_MANY else made()
        return error


@blueprint.get("/")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def index() -> str:
    page = PageRequest.from_query(["number", "name", "charges"], default="number")
    return render_template(
        "gallery.html",
        columns=COLUMNS,
        page=Page(CUSTOMERS, 1234, page),
        now=NOON,
        customers=CUSTOMERS,
        spec={
            "kind": "bar",
            "labels": ["B001", "B002", "B003"],
            "series": [
                {"name": "<b>Charges</b>", "data": [12345.67, 8000.5, 0]},
                {"name": "前月", "data": [9, 8, 7]},
            ],
            "unit": "CNY",
        },
    )


@blueprint.get("/records/<number>")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def show(number: str) -> str:
    return render_template("blank.html", number=number)


@blueprint.get("/records/<number>/edit")
@requires(Resource.OWN_ACCOUNT, Action.UPDATE)
def edit(number: str) -> str:
    return render_template("blank.html", number=number)


@blueprint.get("/progress")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def progress() -> str:
    macros = '{% import "ui/macros.html" as ui %}'
    return render_template_string(
        macros + "{{ ui.progress('/progress', 200000, 200000, 'all', finished=true) }}"
    )


@blueprint.get("/forms")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def forms() -> str:
    return render_template(
        "forms.html", errors={"": "whole", "mobile": "bad"} if "bad" in request.args else {}
    )


@blueprint.get("/administrators")
@requires(Resource.ACCOUNT, Action.MANAGE)
def administrators() -> str:
    return "for administrators"


@blueprint.get("/taken-out")
@requires(Resource.MANAGER, Action.EXPORT)
def taken_out() -> str:
    return "customers"


@blueprint.get("/users")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def users() -> dict[str, object]:
    wanted = PageRequest.from_query(["username", "language"], default="username", sizes=(2, 5))
    with reading() as session:
        page = paginate(
            session,
            User.__table__.select().with_only_columns(User.username, User.language),
            wanted,
            sorts={"username": User.username, "language": User.language},
            tie=User.id,
        )
    return {
        "names": [row.username for row in page.items],
        "total": page.total,
        "pages": page.pages,
        "next": page.url(2),
    }


@blueprint.post("/echo")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def echo() -> dict[str, str]:
    return request.form.to_dict()


@blueprint.get("/numbers/<int:number>")
@public
def numbered(number: int) -> dict[str, int]:
    return {"number": number}


@blueprint.post("/upload")
@requires(Resource.OWN_ACCOUNT, Action.READ)
@takes_body(4 * 1024 * 1024)
def upload() -> dict[str, int]:
    with closing(request.files["file"]) as file:
        return {"bytes": len(file.read())}


@blueprint.get("/kinds/<kind>")
@public
def kinds(kind: str) -> str:
    raise Kinds.make(Kind(kind))


@blueprint.get("/aborts/<int:status>")
@public
def aborts(status: int) -> str:
    abort(status)


@blueprint.get("/breaks")
@public
def breaks() -> str:
    msg = "secret-detail /etc/passwd"
    raise RuntimeError(msg)


@blueprint.get("/database-away")
@public
def database_away() -> str:
    statement = "SELECT secret-detail"
    raise OperationalError(statement, {}, Exception("secret-detail"))


@blueprint.get("/collides")
@public
def collides() -> str:
    with writing() as session:
        for _ in range(2):
            session.add(SignInThrottle(key="same", failures=1, last_at=NOON, blocked_until=NOON))
            session.flush()
            session.expunge_all()
    return ""


@blueprint.get("/writes")
@public
def writes() -> str:
    with reading() as session:
        session.execute(text("DELETE FROM users"))
    return "written"


class Body(Schema):
    """What /check takes."""

    count = fields.Integer(required=True)


@blueprint.get("/check")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def check() -> dict[str, object]:
    return dict(Body().load(request.args.to_dict()))


@blueprint.post("/sync/push")
@machine
@takes_body(4 * 1024 * 1024)
def push() -> dict[str, int]:
    return {"bytes": len(request.get_data())}


def make_gallery(runtime: NodeRuntime, **changes: object) -> Flask:
    wanted: dict[str, object] = {
        "product": "branch",
        "home": "gallery.index",
        "search": "gallery.index",
        "menu": [
            MenuEntry(_l("Overview"), "gallery.index", "home", Resource.OWN_ACCOUNT, key="o"),
            MenuEntry(
                "List of people",
                "gallery.users",
                "users",
                Resource.OWN_ACCOUNT,
                count=lambda session: 1234,
                key="c",
            ),
            MenuEntry(_l("Forms"), "gallery.forms", "edit", Resource.OWN_ACCOUNT, count=lambda session: 0),
            MenuEntry("For the few", "gallery.administrators", "settings", Resource.JOB),
        ],
        "blueprints": [
            blueprint,
            organisation_blueprint(BRANCH_KINDS),
            people_blueprint(NodePeople(BRANCH_KINDS)),
        ],
        "node_name": lambda _session: "总公司",
        "link_state": lambda _session: LinkState("line down since 09:12, 318 changes waiting", "down"),
    } | changes
    return create_flask("gallery", runtime, **wanted)  # type: ignore[arg-type]


def create_tables(database: Database) -> None:
    Base.metadata.create_all(database.engine, tables=TABLES)  # type: ignore[arg-type]
