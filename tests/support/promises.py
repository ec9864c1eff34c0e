"""What an interface is held to: answers that its OpenAPI document names, and a document that takes nothing back."""

import json
from pathlib import Path
from typing import Any, Final

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def operations_of(app: Flask) -> list[Any]:
    """Return every address and method that the document names."""
    schema = schemathesis.openapi.from_dict(document_of(app))
    schema.app = app
    found: Any = schema.get_all_operations()  # what the document says wrongly has no `ok`, and fails here
    return [one.ok() for one in found]


def send_examples(operation: Any, token: str, *, examples: int) -> None:
    """Send some requests made along the document, and look at each answer."""

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


def broken_promises(app: Flask, golden: Path) -> list[str]:
    """Return what an interface no longer answers, or asks for besides; and what is new and stands in no promise yet."""
    promised, now = json.loads(golden.read_text(encoding="utf-8")), promises(document_of(app))
    broken = [f"{address} is new: add it to {golden.name}" for address in sorted(set(now) - set(promised))]
    for address, was in promised.items():
        found = now.get(address)
        if found is None:
            broken.append(f"{address} is gone")
            continue
        broken += [f"{address} asks for {name}" for name in set(found["asked"]) - set(was["asked"])]
        broken += [f"{address} answers no {name}" for name in set(was["answered"]) - set(found["answered"])]
    return broken


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
