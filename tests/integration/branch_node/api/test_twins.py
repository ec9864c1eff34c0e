"""What a person changes on a page a program changes by an address, or it is said here why it cannot."""

# The slices whose records are the branch's business; accounts, settings and the sync are kept by people.
SLICES = frozenset(
    "archive billing bulk bulk_qualification care contact_history contacts correcting customers customers_views "
    "document_files documents duplicates handover history import_rows imports managers merging offers opstats "
    "qualification questions servicedesk sharing statistics unit_events unit_recalls units worklogs".split()
)
TWINS = {
    "archive.put_in": "api_papers.put_in",
    "billing.correct": "api_work.correct_line",
    "bulk.carry_out": "api_bulk.carry_out",
    "bulk.confirm": "api_bulk.carry_out",
    "bulk.discard": "api_bulk.discard",
    "bulk.preview": "api_bulk.plan",
    "bulk.stop": "api_bulk.stop",
    "bulk.undo": "api_many.undo_bulk",
    "bulk_qualification.approve_all": "api_judging_many.approve",
    "bulk_qualification.judge_all": "api_judging_many.judge",
    "care.move": "api_care.move",
    "care.place": "api_line.place",
    "contact_history.restore": "api_contact_versions.restore",
    "contacts.add": "api_care.add_contact",
    "contacts.change": "api_care.change_contact",
    "correcting.confirm": "api_care.confirm",
    "correcting.save": "api_customers.change",
    "customers.change": "api_customers.change",
    "customers.register": "api_customers.register",
    "customers_views.change": "api_customer_views.change",
    "customers_views.keep": "api_customer_views.keep",
    "customers_views.remove": "api_customer_views.remove",
    "customers_views.restore": "api_customer_views.restore",
    "document_files.open_sensitive": "api_papers.open_sensitive",
    "documents.add": "api_papers.add",
    "documents.add_version": "api_papers.add_version",
    "documents.change": "api_documents.change",
    "documents.restore": "api_documents.restore",
    "documents.retire": "api_documents.retire",
    "duplicates.decide": "api_judging.decide",
    "handover.create": "api_many.hand_over",
    "handover.leave": "api_many.leave",
    "handover.paper": "api_many.note_paper",
    "handover.preview": "api_many.plan_handover",
    "handover.sign": "api_many.sign_handover",
    "handover.undo": "api_many.undo_handover",
    "history.restore": "api_care.restore_version",
    "import_rows.choose": "api_import_rows.choose",
    "import_rows.choose_all": "api_import_rows.choose",
    "import_rows.mend": "api_import_rows.mend",
    "imports.check": "api_imports.check",
    "imports.commit": "api_imports.commit",
    "imports.discard": "api_imports.discard",
    "imports.resume": "api_imports.resume",
    "imports.undo": "api_imports.undo",
    "imports.upload": "api_imports.upload",
    "merging.approve": "api_judging.carry_out",
    "merging.propose": "api_judging.propose",
    "merging.refuse": "api_judging.refuse_merge",
    "merging.take_back": "api_judging.unmerge",
    "offers.save_correction": "api_offers.correct",
    "offers.take_back": "api_offers.take_back",
    "offers.write": "api_offers.write",
    "qualification.apply": "api_judging.judge",
    "qualification.approve": "api_judging.approve",
    "qualification.refuse": "api_judging.refuse",
    "questions.save_correction": "api_questions.correct",
    "questions.take_back": "api_questions.take_back",
    "questions.write": "api_questions.write",
    "sharing.end": "api_care.end_share",
    "sharing.share": "api_care.share",
    "unit_events.save_correction": "api_unit_events.correct",
    "unit_events.take_back": "api_unit_events.take_back",
    "unit_events.transfer": "api_unit_events.transfer",
    "unit_events.write": "api_unit_events.write",
    "units.add": "api_units.add",
    "units.change": "api_units.change",
    "worklogs.save_correction": "api_work.correct_log",
    "worklogs.write": "api_work.write_log",
}
LOCKED = "decisions 0168 and 0175: what is locked is opened by two people who look at it"
A_SCREEN = "it shows a form again, or keeps what a screen shows"
BY_FILE = "account managers are taken in as a file: api_imports"
AT_THE_DESK = "somebody stands at the counter, and is asked who they are"
TWO_PEOPLE = "it asks a second person, on a page"
WITHOUT = {
    **dict.fromkeys(
        ("archive.annotate", "archive.correct", "archive.lock", "archive.remove", "archive.unlock"), LOCKED
    ),
    **dict.fromkeys(("bulk.choose", "customers_views.start", "handover.change"), A_SCREEN),
    **dict.fromkeys(("managers.change", "managers.register"), BY_FILE),
    **dict.fromkeys(("servicedesk.end", "servicedesk.look_up", "servicedesk.serve"), AT_THE_DESK),
    "handover.close_account": TWO_PEOPLE,
}


def changing(app):
    """Return the endpoints that take more than a reading; exports, which are files of lists, apart."""
    return {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"} and not rule.endpoint.endswith(".export")
    }


def test_every_page_that_changes_the_business_has_an_address_for_programs_or_a_reason(app):
    pages = {one for one in changing(app) if one.partition(".")[0] in SLICES}

    assert pages == {*TWINS, *WITHOUT}
    assert not TWINS.keys() & WITHOUT.keys()


def test_the_address_for_programs_is_there(app):
    assert {*TWINS.values()} <= {one for one in changing(app) if one.startswith("api_")}


def test_a_slice_that_is_new_among_the_pages_is_asked_about(app):
    kept_by_people = (
        "accounts alarms exports histories holds inbound interfaces oplog organisation outbound people "
        "personal_requests receivers resend running second_step security sessions setup two_person static"
    ).split()
    slices = {one.partition(".")[0] for one in changing(app) if not one.startswith("api_")}

    assert slices <= SLICES | {*kept_by_people}
