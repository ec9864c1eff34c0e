"""What programs get of head office is what the document says, whatever they ask; and it takes nothing back."""

from pathlib import Path
from typing import Final

from shared.web.access import is_for_programs
from shared.web.api.bounds import A_MINUTE
from shared.web.api.document import described
from tests.integration.hq_server.conftest import sign_in
from tests.integration.hq_server.test_upkeep_pages import company
from tests.support.interfaces import token_for
from tests.support.promises import broken_promises, operations_of, send_examples

GOLDEN: Final = Path(__file__).parent / "promised.json"


def test_every_address_for_programs_says_what_it_takes_and_answers(app):
    told = {rule.endpoint for rule, _method, _said, _access in described(app)}
    there = {rule.endpoint for rule in app.url_map.iter_rules() if is_for_programs(rule.rule)}

    assert there - told == {"interface_document.openapi"}


def test_whatever_is_asked_the_answer_is_one_that_the_document_names(app, database, pytestconfig):
    app.config[A_MINUTE] = 10**9
    sign_in(app, database)
    token = token_for(app, "zhang")
    for operation in operations_of(app):
        send_examples(operation, token, examples=1)  # while no branch has sent anything
    with database.sessions.begin() as session:
        company(session)
    for operation in operations_of(app):
        send_examples(operation, token, examples=50 if pytestconfig.getoption("--whole") else 3)


def test_what_programs_were_promised_still_holds(app):
    """Another field may be answered, or taken; none that was goes, and none that was left out is asked for."""
    assert broken_promises(app, GOLDEN) == []
