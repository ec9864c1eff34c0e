"""What programs get is what the document says, whatever they send; and the document takes nothing back."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.web.access import is_for_programs
from shared.web.api.bounds import A_MINUTE
from shared.web.api.document import described
from tests.support.shares import share

GOLDEN: Final = Path(__file__).parent / "promised.json"
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


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
    schema = schemathesis.openapi.from_dict(document_of(app))
    schema.app = app
    found: Any = schema.get_all_operations()  # what the document says wrongly has no `ok`, and fails here
    operations = [one.ok() for one in found]
    for operation in share(operations[::3], operations):
        send_examples(operation, program.token, examples=50 if whole else 3)


def send_examples(operation: Any, token: str, *, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def send(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

    send()


def test_what_programs_were_promised_still_holds(app):
    """Another field may be answered, or taken; none that was goes, and none that was left out is asked for."""
    promised, now = json.loads(GOLDEN.read_text(encoding="utf-8")), promises(document_of(app))
    broken = []
    for address, was in promised.items():
        found = now.get(address)
        if found is None:
            broken.append(f"{address} is gone")
            continue
        broken += [f"{address} asks for {name}" for name in set(found["asked"]) - set(was["asked"])]
        broken += [f"{address} answers no {name}" for name in set(was["answered"]) - set(found["answered"])]
    assert broken == []
    assert sorted(set(now) - set(promised)) == [], f"add what is new to {GOLDEN.name}"


def promises(document: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    schemas = document["components"]["schemas"]
    return {
        f"{method.upper()} {path}": {
            "asked": sorted(schemas.get(_sent(operation), {}).get("required", [])),
            "answered": sorted(schemas.get(_answered(operation), {}).get("properties", {})),
        }
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def document_of(app: Flask) -> dict[str, Any]:
    found = app.test_client().get("/api/v1/openapi.json").json
    assert isinstance(found, dict)
    return found


def _sent(operation: dict[str, Any]) -> str:
    contents = operation.get("requestBody", {}).get("content", {})
    content = contents.get("application/json") or contents.get("multipart/form-data", {})
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]


def _answered(operation: dict[str, Any]) -> str:
    good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    if "application/json" not in good["content"]:
        return ""  # a file
    schema = good["content"]["application/json"]["schema"]
    reference = schema.get("$ref") or schema["properties"]["items"]["items"]["$ref"]
    return str(reference).rpartition("/")[2]
