"""The table of contents of a branch node: every slice is named here, every collaborator built here."""

import random
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, url_for

from branch_node.api import bulk_plan_routes as api_bulk
from branch_node.api import care_routes as api_care
from branch_node.api import contact_version_routes as api_contact_versions
from branch_node.api import customer_routes as api_customers
from branch_node.api import document_routes as api_documents
from branch_node.api import import_routes as api_imports
from branch_node.api import import_row_routes as api_import_rows
from branch_node.api import judging_many_routes as api_judging_many
from branch_node.api import judging_routes as api_judging
from branch_node.api import line_routes as api_line
from branch_node.api import many_routes as api_many
from branch_node.api import offer_routes as api_offers
from branch_node.api import paper_routes as api_papers
from branch_node.api import question_routes as api_questions
from branch_node.api import recall_routes as api_recalls
from branch_node.api import unit_event_routes as api_unit_events
from branch_node.api import unit_routes as api_units
from branch_node.api import view_routes as api_views
from branch_node.api import work_routes as api_work
from branch_node.archive import alarms as archive_alarms
from branch_node.archive import completeness_pages, contact_history_pages
from branch_node.archive import history_pages as archive_history
from branch_node.archive import jobs as archive_jobs
from branch_node.archive import pages as archive
from branch_node.archive.models import ArchiveEntry
from branch_node.archive.unlocking import REMOVAL_KIND, UNLOCK_KIND
from branch_node.billing import pages as billing
from branch_node.bindings import BINDINGS
from branch_node.bulk import jobs as bulk_jobs
from branch_node.bulk import pages as bulk
from branch_node.config import load_settings
from branch_node.contacts import pages as contacts
from branch_node.customers import jobs as customer_jobs
from branch_node.customers import pages as customers
from branch_node.customers import sharing_pages, upkeep_pages
from branch_node.customers.listing import NARROWINGS, VIEWED
from branch_node.customers.models import CustomerMove
from branch_node.customers.telling import FINDER
from branch_node.desk import care_pages, correcting_pages, document_pages, file_pages, unit_tab
from branch_node.desk import pages as desk
from branch_node.documents import alarms as document_alarms
from branch_node.documents import file_pages as document_files
from branch_node.documents import jobs as document_jobs
from branch_node.documents import pages as documents
from branch_node.documents.models import Document, DocumentVersion
from branch_node.duplicates import jobs as duplicate_jobs
from branch_node.duplicates import pages as duplicates
from branch_node.duplicates.queries import find_probable
from branch_node.finding.box import BOX
from branch_node.finding.narrowing import NARROWINGS as CUSTOMER_NARROWINGS
from branch_node.handover import pages as handover
from branch_node.handover.account import CLOSE_KIND
from branch_node.home.menu import HOMES, MENU
from branch_node.home.pages import home_blueprint
from branch_node.identity.models import CustomerMerge
from branch_node.imports import file_pages as import_files
from branch_node.imports import jobs as import_jobs
from branch_node.imports import pages as imports
from branch_node.imports import row_pages as import_rows
from branch_node.inbound import alarms as inbound_alarms
from branch_node.inbound import pages as inbound
from branch_node.inbound.queries import codes
from branch_node.managers import pages as managers
from branch_node.managers.models import Manager
from branch_node.managers.queries import manager_options
from branch_node.merging import pages as merging
from branch_node.offers import pages as offers
from branch_node.opstats import jobs as opstats_jobs
from branch_node.opstats import pages as opstats
from branch_node.outbound import alarms as outbound_alarms
from branch_node.outbound import (
    history_pages,
    ledger_pages,
    receiver_pages,
    refused_pages,
    resend_pages,
    tracing_pages,
)
from branch_node.outbound import jobs as outbound_jobs
from branch_node.outbound import pages as outbound
from branch_node.outbound.ahead import ask_ahead
from branch_node.outbound.log_head import told_heads
from branch_node.outbound.transport import HttpTransport
from branch_node.personal import alarms as personal_alarms
from branch_node.personal import finishing as erasures
from branch_node.personal import jobs as personal_jobs
from branch_node.personal import pages as personal
from branch_node.personal import request_pages, terms_pages
from branch_node.personal.holds import RELEASE_KIND
from branch_node.personal.models import PersonalRequest
from branch_node.personal.requests import ERASE_KIND
from branch_node.qualification import bulk_pages
from branch_node.qualification import jobs as qualification_jobs
from branch_node.qualification import pages as qualification
from branch_node.questions import pages as questions
from branch_node.questions import trend_pages as question_trend
from branch_node.ranges import RANGES
from branch_node.retention import alarms as retention_alarms
from branch_node.retention import jobs as retention_jobs
from branch_node.runtime import BranchRuntime
from branch_node.servicedesk import pages as servicedesk
from branch_node.setup import pages as setup
from branch_node.statistics import jobs as statistics_jobs
from branch_node.statistics import pages as statistics
from branch_node.tables import APP as TABLES
from branch_node.units import event_pages as unit_events
from branch_node.units import pages as units
from branch_node.units import recall_pages as unit_recalls
from branch_node.worklogs import jobs as worklog_jobs
from branch_node.worklogs import pages as worklogs
from shared.alarms.vocabulary import AlarmKind
from shared.audit.keyring import CARRIED, LogKeys
from shared.clock import SystemClock
from shared.db.engine import Database
from shared.domain.published.vocabulary import CodeTable
from shared.domain.wire_words import RECORD_NAMES
from shared.errors import N_
from shared.exports import jobs as export_jobs
from shared.exports.acts import export_kind
from shared.jobs import alarms as common_alarms
from shared.jobs import jobs as common_jobs
from shared.jobs.job import Job
from shared.rights.vocabulary import BRANCH_KINDS, Action, Resource
from shared.twoperson.closing import CLOSING_KIND
from shared.twoperson.jobs import expiry_job
from shared.web.alarms.pages import alarms_blueprint
from shared.web.api import jobs as api_jobs
from shared.web.app import create_flask
from shared.web.context import stamp
from shared.web.exports.pages import exports_blueprint
from shared.web.finding.api import finding_api
from shared.web.finding.pages import finding_blueprint
from shared.web.oplog.pages import oplog_blueprint
from shared.web.organisation.pages import organisation_blueprint
from shared.web.people.pages import NodePeople, people_blueprint
from shared.web.personaldata.pages import PersonalDataSettings, personal_data_blueprint
from shared.web.running.pages import jobs_blueprint
from shared.web.twoperson.pages import two_person_blueprint
from shared.web.views.pages import views_blueprint

ACTS: Final = (export_kind(), RELEASE_KIND, ERASE_KIND, UNLOCK_KIND, REMOVAL_KIND, CLOSE_KIND, CLOSING_KIND)
JOBS: Final[Sequence[Job]] = (
    expiry_job(ACTS),
    *export_jobs.JOBS,
    *api_jobs.JOBS,
    *outbound_jobs.JOBS,
    *retention_jobs.JOBS,
    *import_jobs.JOBS,
    *statistics_jobs.JOBS,
    *opstats_jobs.JOBS,
    *customer_jobs.JOBS,
    *bulk_jobs.bulk_jobs(RANGES),
    *worklog_jobs.JOBS,
    *duplicate_jobs.JOBS,
    *qualification_jobs.JOBS,
    *erasures.JOBS,
    *personal_jobs.JOBS,
    *archive_jobs.JOBS,
    *document_jobs.JOBS,
    *common_jobs.common_jobs(told_heads),
)

ALARMS: Final[Sequence[AlarmKind]] = (
    *outbound_alarms.ALARMS,
    *inbound_alarms.ALARMS,
    *retention_alarms.ALARMS,
    *personal_alarms.ALARMS,
    *archive_alarms.ALARMS,
    *document_alarms.ALARMS,
    *common_alarms.ALARMS,
)


def open_runtime(home: Path) -> BranchRuntime:
    """Open the node in `home`; raises SetupError when it is not set up."""
    settings = load_settings(home)
    return BranchRuntime(
        settings=settings,
        clock=SystemClock(),
        database=Database(settings.database_url, carried={CARRIED: LogKeys(settings.home)}),
        bindings=BINDINGS,
        transport=HttpTransport(),
        uniform=random.SystemRandom().uniform,
        new_nonce=lambda: secrets.token_urlsafe(18),
    )


def create_app(runtime: BranchRuntime) -> Flask:
    """Return the web application of a branch node."""
    app = create_flask(
        __name__,
        runtime,
        product="branch",
        home="desk.my_day",
        homes=HOMES,
        search="finding.index",
        menu=MENU,
        ranged=RANGES,
        node_name=outbound.node_name,
        link_state=outbound.link_state,
        ask_ahead=ask_ahead,
        account_rules=inbound.account_rules,
        kind_words=lambda session: codes(session, CodeTable.STAFF_KIND, now=stamp().at) or (),
        blueprints=_blueprints(),
    )
    app.extensions[NARROWINGS] = CUSTOMER_NARROWINGS
    app.extensions[FINDER] = find_probable
    return app


def _blueprints() -> Sequence[Blueprint]:
    return (home_blueprint(JOBS), *BUSINESS, *API, *_node(), *_people())


BUSINESS: Final = (
    desk.blueprint,
    finding_blueprint(BOX),
    file_pages.blueprint,
    correcting_pages.blueprint,
    customers.blueprint,
    bulk.blueprint,
    views_blueprint(VIEWED, "customers.index", Resource.CUSTOMER, Action.APPROVE),
    contacts.blueprint,
    documents.blueprint,
    document_files.blueprint,
    document_pages.blueprint,
    care_pages.blueprint,
    upkeep_pages.blueprint,
    duplicates.blueprint,
    merging.blueprint,
    sharing_pages.blueprint,
    servicedesk.blueprint,
    qualification.blueprint,
    bulk_pages.blueprint,
    unit_recalls.blueprint,
    units.blueprint,
    unit_events.blueprint,
    unit_tab.blueprint,
    offers.blueprint,
    questions.blueprint,
    question_trend.blueprint,
    worklogs.blueprint,
    archive.blueprint,
    archive_history.blueprint,
    contact_history_pages.blueprint,
    completeness_pages.blueprint,
    billing.blueprint,
    statistics.blueprint,
    opstats.blueprint,
    managers.blueprint,
    handover.blueprint,
    imports.blueprint,
    import_rows.blueprint,
    import_files.blueprint,
)


API: Final = (
    finding_api(BOX),
    api_customers.blueprint,
    api_views.blueprint,
    api_care.blueprint,
    api_contact_versions.blueprint,
    api_line.blueprint,
    api_judging.blueprint,
    api_judging_many.blueprint,
    api_many.blueprint,
    api_bulk.blueprint,
    api_units.blueprint,
    api_recalls.blueprint,
    api_unit_events.blueprint,
    api_offers.blueprint,
    api_questions.blueprint,
    api_work.blueprint,
    api_documents.blueprint,
    api_papers.blueprint,
    api_imports.blueprint,
    api_import_rows.blueprint,
)


def _node() -> Sequence[Blueprint]:
    """Return the pages of the line to head office, of jobs and of what goes wrong."""
    return (
        inbound.blueprint,
        outbound.blueprint,
        refused_pages.blueprint,
        history_pages.blueprint,
        tracing_pages.blueprint,
        receiver_pages.blueprint,
        ledger_pages.blueprint,
        resend_pages.blueprint,
        alarms_blueprint(
            ALARMS,
            {
                "branch": lambda _code: url_for("outbound.overview"),
                "receiver": lambda name: url_for("outbound.overview", receiver=name),
                "record": lambda _name: url_for("refusals.index"),
                "published": lambda item_id: url_for("inbound.one", item_id=item_id),
            },
        ),
        jobs_blueprint(JOBS),
    )


def _people() -> Sequence[Blueprint]:
    """Return the pages of people, what they may do and have done, and of personal data."""
    return (
        oplog_blueprint(
            {
                "customer": lambda record_id: url_for("desk.customer", customer_id=record_id),
                "manager": lambda record_id: url_for("desk.manager", manager_id=record_id),
                "document": lambda record_id: url_for("documents.one", document_id=record_id),
                "unit": lambda record_id: url_for("units.one", unit_id=record_id),
                "bulk": lambda record_id: url_for("bulk.one", act_id=record_id),
                "handover": lambda record_id: url_for("handover.one", handover_id=record_id),
                "published": lambda item_id: url_for("inbound.one", item_id=item_id),
                "alarm": lambda alarm_id: url_for("alarms.one", alarm_id=alarm_id),
                "export": lambda export_id: url_for("exports.one", export_id=export_id),
            },
            "branch",
        ),
        _second_person(),
        exports_blueprint(inbound.export_rules),
        organisation_blueprint(BRANCH_KINDS),
        setup.blueprint,
        request_pages.blueprint,
        personal.blueprint,
        terms_pages.blueprint,
        _personal_data(),
        people_blueprint(NodePeople(BRANCH_KINDS, managers=manager_options)),
    )


def _second_person() -> Blueprint:
    """Return the pages of acts of two people, each with the way to what it is about."""
    return two_person_blueprint(
        ACTS,
        {
            "export": lambda at: url_for("exports.one", export_id=at),
            "personal_request": lambda at: url_for("personal_requests.one", request_id=at),
            "legal_hold": lambda at: url_for("holds.one", hold_id=at),
            "archive_entry": lambda at: url_for("archive.one", entry_id=at),
            "handover": lambda at: url_for("handover.one", handover_id=at),
            "alarm": lambda at: url_for("alarms.one", alarm_id=at),
        },
    )


def _personal_data() -> Blueprint:
    """Return the page of what personal data this node holds."""
    settings = PersonalDataSettings(
        tables=TABLES.tables,
        ranged=RANGES,
        besides={Manager.__tablename__: Resource.MANAGER},
        travelling={one.table.name for one in BINDINGS.values()},
        words={one.table.name: RECORD_NAMES[name] for name, one in BINDINGS.items()}
        | {
            PersonalRequest.__tablename__: N_("Requests about personal data"),
            CustomerMerge.__tablename__: N_("Merges"),
            CustomerMove.__tablename__: N_("Moves between stages and tiers"),
            ArchiveEntry.__tablename__: N_("Retained archive"),
            Document.__tablename__: N_("Documents"),
            DocumentVersion.__tablename__: N_("Files of documents"),
        },
        column_words=request_pages.WORDS | merging.WORDS | archive.WORDS | documents.WORDS,
        fixed=inbound.personal_policies,
        kinds=BRANCH_KINDS,
        has_terms=True,
    )
    return personal_data_blueprint(settings)
