"""What programs get is what the document says, whatever they send; and the document takes nothing back."""

import re
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


def test_every_list_refuses_what_it_does_not_know_and_takes_what_it_says(app: Flask, program):
    app.config[A_MINUTE] = 10**9
    nothing = "00000000-0000-0000-0000-000000000000"
    there = 0
    for rule, method, said, _access in described(app):
        if method != "GET" or not said.many:
            continue
        address = re.sub(r"<int:[^<>]+>", "1", re.sub(r"<id:[^<>]+>", nothing, rule.rule))
        refused = program.get(f"{address}?lost_filter=1&{said.query[0].name if said.query else 'size'}=")
        assert (refused.status_code, refused.json["code"]) == (400, "unknown-parameter"), address
        assert [*refused.json["fields"]][:1] == ["lost_filter"] or not said.query, address
        assert all(one.name in refused.json["detail"] for one in said.query), address
        for one in said.query:
            taken = program.get(f"{address}?{one.name}={one.values[0] if one.values else ''}")
            assert taken.json.get("code") not in {"unknown-parameter", "unknown-value"}, (address, one.name)
            if one.values:
                other = program.get(f"{address}?{one.name}=no-such-code").json
                assert (other["code"], [*other["fields"]]) == ("unknown-value", [one.name]), address
        there += 1
    assert there > 20


def test_what_programs_were_promised_still_holds(app):
    """Another field may be answered, or taken; none that was goes, and none that was left out is asked for."""
    assert broken_promises(app, GOLDEN) == []
