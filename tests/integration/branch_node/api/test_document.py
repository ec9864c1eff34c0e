"""What programs get is what the document says, whatever they send; and the document takes nothing back."""

from pathlib import Path
from typing import Final

import pytest
from flask import Flask

from shared.web.access import is_for_programs
from shared.web.api.bounds import A_MINUTE
from shared.web.api.document import described
from tests.support.promises import broken_promises, operations_of, send_examples
from tests.support.shares import share

GOLDEN: Final = Path(__file__).parent / "promised.json"


def test_every_address_for_programs_says_what_it_takes_and_answers(app):
    told = {rule.endpoint for rule, _method, _said, _access in described(app)}
    there = {rule.endpoint for rule in app.url_map.iter_rules() if is_for_programs(rule.rule)}

    assert there - told == {"interface_document.openapi"}


def test_whatever_is_sent_the_answer_is_one_that_the_document_names(
    app: Flask, program, rows, pytestconfig: pytest.Config
):
    """A share of the addresses each time, some examples each; with `--whole` all of them and many."""
    app.config[A_MINUTE] = 10**9
    rows.customer(customer_no="C-1", name="Li Lei", mobile="13900010001")
    whole = pytestconfig.getoption("--whole")
    operations = operations_of(app)
    for operation in share(operations[::3], operations):
        send_examples(operation, program.token, examples=50 if whole else 3)


def test_what_programs_were_promised_still_holds(app):
    """Another field may be answered, or taken; none that was goes, and none that was left out is asked for."""
    assert broken_promises(app, GOLDEN) == []
