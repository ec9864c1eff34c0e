"""The table of contents of the HQ server: every slice is named here, every collaborator built here."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Flask, url_for
from sqlalchemy.orm import Session

from hq_server.analysis import jobs as analysis_jobs
from hq_server.analysis import pages as analysis
from hq_server.api import question_routes as api_questions
from hq_server.api import routes as api
from hq_server.bindings import BINDINGS
from hq_server.branches import alarms as branch_alarms
from hq_server.branches import pages as branches
from hq_server.branches.queries import branch_options
from hq_server.carrying import jobs as carrying_jobs
from hq_server.config import NODE_KEY, load_settings
from hq_server.console import pages as console
from hq_server.console import parked
from hq_server.console.box import BOX
from hq_server.console.homes import homes
from hq_server.console.menu import HOMES, MENU
from hq_server.customers import group_pages
from hq_server.customers import pages as customers
from hq_server.feed import alarms as feed_alarms
from hq_server.feed import jobs as feed_jobs
from hq_server.feed import matrix_pages as feed_matrix
from hq_server.feed import pages as feed
from hq_server.feed import routes as feed_routes
from hq_server.feed.queries import code_words, policies_for_all
from hq_server.gate import jobs as gate_jobs
from hq_server.gate import pages as gate
from hq_server.ingest import key_routes, lineage_routes, log_routes, parked_routes, proof_routes
from hq_server.ingest import routes as ingest
from hq_server.ingest.decisions import waiver_kind
from hq_server.offers import pages as offers
from hq_server.opstats import pages as opstats
from hq_server.oversight import pages as oversight
from hq_server.parking import alarms as parking_alarms
from hq_server.personal import erasure_pages, request_pages
from hq_server.personal import jobs as personal_jobs
from hq_server.personal import pages as personal
from hq_server.personal.orders import RELEASE_KIND
from hq_server.proof import alarms as proof_alarms
from hq_server.proof.own_log import known_heads
from hq_server.qualification import pages as qualification
from hq_server.qualification import trial_pages
from hq_server.questions import export_pages as question_files
from hq_server.questions import pages as questions
from hq_server.ranges import RANGES
from hq_server.retention import alarms as retention_alarms
from hq_server.retention import jobs as retention_jobs
from hq_server.runtime import HqIdentity, HqRuntime
from hq_server.staff import pages as staff
from hq_server.tables import APP as TABLES
from hq_server.tracing import pages as tracing
from hq_server.units import pages as units
from hq_server.upkeep import pages as upkeep
from hq_server.verification import jobs as verification_jobs
from hq_server.verification import pages as verification
from shared.alarms.vocabulary import AlarmKind
from shared.audit.keyring import CARRIED, LogKeys
from shared.auth.rules import AccountRules
from shared.clock import SystemClock
from shared.db.engine import Database
from shared.domain.published.account_rules import ACCOUNT_POLICIES, rules_of
from shared.domain.published.vocabulary import CodeTable
from shared.domain.wire_words import RECORD_NAMES
from shared.exports import jobs as export_jobs
from shared.exports import rules as export_rules
from shared.exports.acts import export_kind
from shared.exports.rules import EXPORT_POLICIES, ExportRules
from shared.i18n import gettext as _
from shared.jobs import alarms as common_alarms
from shared.jobs import jobs as common_jobs
from shared.jobs.job import Job
from shared.rights.vocabulary import HQ_KINDS
from shared.twoperson.closing import CLOSING_KIND
from shared.twoperson.jobs import expiry_job
from shared.web import context
from shared.web.alarms.pages import alarms_blueprint
from shared.web.api import jobs as api_jobs
from shared.web.app import create_flask
from shared.web.exports.pages import exports_blueprint
from shared.web.finding.pages import finding_blueprint
from shared.web.oplog.pages import oplog_blueprint
from shared.web.organisation.pages import organisation_blueprint
from shared.web.people.pages import NodePeople, people_blueprint
from shared.web.personaldata.pages import PersonalDataSettings, personal_data_blueprint
from shared.web.running.pages import jobs_blueprint
from shared.web.twoperson.pages import two_person_blueprint

ACTS: Final = (waiver_kind(BINDINGS), RELEASE_KIND, export_kind(), CLOSING_KIND)
JOBS: Final[Sequence[Job]] = (
    expiry_job(ACTS),
    *export_jobs.JOBS,
    *api_jobs.JOBS,
    *carrying_jobs.JOBS,
    *gate_jobs.JOBS,
    *retention_jobs.JOBS,
    *feed_jobs.JOBS,
    *verification_jobs.JOBS,
    *analysis_jobs.JOBS,
    *personal_jobs.JOBS,
    *common_jobs.common_jobs(known_heads),
)
ALARMS: Final[Sequence[AlarmKind]] = (
    *branch_alarms.ALARMS,
    *parking_alarms.ALARMS,
    *feed_alarms.ALARMS,
    *proof_alarms.ALARMS,
    *retention_alarms.ALARMS,
    *common_alarms.ALARMS,
)


def open_runtime(home: Path) -> HqRuntime:
    """Open the server in `home`; raises SetupError when it is not set up."""
    settings = load_settings(home)
    return HqRuntime(
        settings=settings,
        clock=SystemClock(),
        database=Database(settings.database_url, carried={CARRIED: LogKeys(settings.home)}),
        identity=HqIdentity(hq_id=settings.hq_id, private_key=settings.home.read_key(NODE_KEY)),
        bindings=BINDINGS,
    )


def create_app(runtime: HqRuntime) -> Flask:
    """Return the web application of the HQ server."""
    return create_flask(
        __name__,
        runtime,
        product="hq",
        home="console.overview",
        homes=HOMES,
        search="finding.index",
        menu=MENU,
        ranged=RANGES,
        node_name=lambda _session: _("Head office"),
        account_rules=_account_rules,
        kind_words=lambda session: code_words(session, CodeTable.STAFF_KIND),
        blueprints=_blueprints(),
    )


def _blueprints() -> Sequence[Blueprint]:
    return (
        console.blueprint,
        console.fleet,
        homes,
        parked.blueprint,
        branches.blueprint,
        gate.blueprint,
        finding_blueprint(BOX),
        customers.blueprint,
        api.blueprint,
        api_questions.blueprint,
        group_pages.blueprint,
        analysis.blueprint,
        qualification.blueprint,
        upkeep.blueprint,
        trial_pages.blueprint,
        units.blueprint,
        offers.blueprint,
        questions.blueprint,
        question_files.blueprint,
        oversight.blueprint,
        opstats.blueprint,
        tracing.blueprint,
        ingest.blueprint,
        lineage_routes.blueprint,
        key_routes.blueprint,
        proof_routes.blueprint,
        parked_routes.blueprint,
        log_routes.blueprint,
        feed_routes.blueprint,
        feed.blueprint,
        feed_matrix.blueprint,
        verification.blueprint,
        personal.blueprint,
        _personal_data(),
        erasure_pages.blueprint,
        request_pages.blueprint,
        *_of_the_node(),
    )


def _of_the_node() -> Sequence[Blueprint]:
    """Return the pages about the node itself, its people and what they did."""
    return (
        alarms_blueprint(
            ALARMS,
            {
                "branch": lambda code: url_for("fleet.one", code=code),
                "proof": lambda about: url_for("verification.one", code=about.partition("/")[0]),
                "published": lambda item_id: url_for("feed.one", item_id=item_id),
            },
        ),
        two_person_blueprint(
            ACTS,
            {
                "parked": lambda at: url_for("parked.one", parked_id=int(at)),
                "legal_hold": _hold_url,
                "export": lambda at: url_for("exports.one", export_id=at),
                "alarm": lambda at: url_for("alarms.one", alarm_id=at),
            },
        ),
        exports_blueprint(_export_rules),
        jobs_blueprint(JOBS),
        oplog_blueprint(
            {
                "branch": lambda code: url_for("fleet.one", code=code),
                "published": lambda item_id: url_for("feed.one", item_id=item_id),
                "alarm": lambda alarm_id: url_for("alarms.one", alarm_id=alarm_id),
                "export": lambda export_id: url_for("exports.one", export_id=export_id),
            },
            "hq",
        ),
        staff.blueprint,
        organisation_blueprint(HQ_KINDS, "staff.index"),
        people_blueprint(NodePeople(HQ_KINDS, branches=branch_options)),
    )


def _hold_url(about: str) -> str:
    code, _slash, hold_id = about.partition("/")
    return url_for("holds.one", code=code, hold_id=hold_id)


def _personal_policies(session: Session, names: Collection[str]) -> Mapping[str, Any]:
    return policies_for_all(session, names, now=context.runtime().clock.now())


def _account_rules(session: Session) -> AccountRules:
    now = context.runtime().clock.now()
    return rules_of(policies_for_all(session, ACCOUNT_POLICIES, now=now))


def _export_rules(session: Session) -> ExportRules:
    now = context.runtime().clock.now()
    return export_rules.rules_of(policies_for_all(session, EXPORT_POLICIES, now=now))


def _personal_data() -> Blueprint:
    """Return the page of what personal data this node holds."""
    settings = PersonalDataSettings(
        tables=TABLES.tables,
        ranged=RANGES,
        besides={},
        travelling={one.table.name for one in BINDINGS.values()},
        words={one.table.name: RECORD_NAMES[name] for name, one in BINDINGS.items()},
        fixed=_personal_policies,
        kinds=HQ_KINDS,
    )
    return personal_data_blueprint(settings)
