"""The page of what personal data we hold, on screen and on paper."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Blueprint, current_app, render_template
from sqlalchemy import Table
from sqlalchemy.orm import Session

from shared.audit.operations import record
from shared.auth.models import SignInThrottle, User, UserSession
from shared.domain.personal.keeping import BASIS_POLICIES, CLASS_WORDS, KEEP_ACCOUNTS, KEEP_POLICIES
from shared.domain.wire_words import COLUMN_NAMES
from shared.errors import N_
from shared.i18n import gettext as _
from shared.rights.ranges import Ranged
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.web.access import requires
from shared.web.context import person, reading, stamp, writing
from shared.web.kinds import kind_label
from shared.web.personaldata.inventory import inventory

SETTINGS: Final = "branchline-personal-data"
# What every node holds of its own people, by which right it is seen, and what people call it.
OF_ACCOUNTS: Final = {
    User.__tablename__: Resource.ACCOUNT,
    UserSession.__tablename__: Resource.ACCOUNT,
    SignInThrottle.__tablename__: Resource.SECURITY,
    "staff": Resource.ORGANISATION,
}
ACCOUNT_WORDS: Final = {
    User.__tablename__: N_("Accounts"),
    UserSession.__tablename__: N_("Open sessions"),
    SignInThrottle.__tablename__: N_("Wrong tries at signing in"),
}
Fixed = Callable[[Session, Collection[str]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PersonalDataSettings:
    """What an app tells of its tables.

    `ranged` says which right each table is seen by, `besides` the same of tables that are seen whole or not at all.
    `words` names tables as people do, `column_words` columns that no record of the wire has. `fixed` reads the policies
    that are in force, `travelling` are tables that go to head office or came from a branch. With `has_terms` the node
    itself blanks what is past its term.
    """

    tables: Callable[[], Sequence[Table]]
    ranged: Sequence[Ranged]
    besides: Mapping[str, Resource]
    travelling: Collection[str]
    words: Mapping[str, str]
    fixed: Fixed
    kinds: Sequence[StaffKind]
    column_words: Mapping[str, str] = field(default_factory=dict)
    has_terms: bool = False


def personal_data_blueprint(settings: PersonalDataSettings) -> Blueprint:
    """Return the pages about what personal data a node holds."""
    blueprint = Blueprint("personal_data", __name__, template_folder="templates", url_prefix="/personal-data")
    blueprint.record_once(lambda state: state.app.extensions.update({SETTINGS: settings}))
    blueprint.add_url_rule("", index.__name__, index)
    blueprint.add_url_rule("/print", print_view.__name__, print_view)
    return blueprint


@requires(Resource.PERSONAL_DATA, Action.READ)
def index() -> str:
    """Show which columns hold personal data, why, for how long, and who sees them."""
    return _page(printing=False)


@requires(Resource.PERSONAL_DATA, Action.PRINT)
def print_view() -> str:
    """Show the same ready for paper; that is logged."""
    with writing() as session:
        record(session, "personal-data.printed", subject=None, by=stamp())
    return _page(printing=True)


def _page(*, printing: bool) -> str:
    settings: PersonalDataSettings = current_app.extensions[SETTINGS]
    with reading() as session:
        fixed = settings.fixed(session, [*KEEP_POLICIES, *BASIS_POLICIES, KEEP_ACCOUNTS])
    rows = inventory(
        settings.tables(),
        resources={
            **OF_ACCOUNTS,
            **{one.table.name: one.resource for one in settings.ranged},
            **settings.besides,
        },
        travelling=settings.travelling,
        fixed=fixed,
        kinds=settings.kinds,
    )
    return render_template(
        "personal_data/index.html",
        rows=rows,
        class_words=CLASS_WORDS,
        column_names={"terminal": N_("Terminal"), **COLUMN_NAMES, **settings.column_words},
        table_words={**ACCOUNT_WORDS, **settings.words},
        kind_words=lambda kinds: _(", ").join(kind_label(kind) for kind in kinds) or "–",
        has_terms=settings.has_terms,
        printing=printing,
        printed_at=stamp().at,
        printed_by=person(),
    )
