"""Texts that a spreadsheet program would run, and whether a file holds one that it would."""

import csv
import io
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import openpyxl
from flask import Flask
from werkzeug.wrappers import Response

from shared.files.formulas import begins_formula
from shared.rights.vocabulary import Action
from shared.web.access import access_of
from tests.support.page_client import PageClient

CANARY: Final = "cmd9137"
CORPUS: Final = (
    f"=HYPERLINK(\"http://x\",\"{CANARY}\")",
    f"=cmd|' /C {CANARY}'!A0",
    f"+{CANARY}+1",
    f"-{CANARY}-1",
    f"@SUM({CANARY})",
    f"\t={CANARY}",
    f"\r={CANARY}",
    f"\n={CANARY}",
    f"  ={CANARY}",
    f"\ufeff={CANARY}",
    f"＝{CANARY}",
    f"＋{CANARY}",
    f"－{CANARY}",
    f"＠{CANARY}",
    f"DDE(\"{CANARY}\")",
)  # fmt: skip
_NUMBER: Final = re.compile(r"[+-]?\d[\d,]*(\.\d+)?")


def export_paths(app: Flask) -> Iterator[str]:
    """Yield the address of every list's export, in every form it has."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: one.rule):
        access = access_of(app, rule.endpoint)
        if access is None or access.action is not Action.EXPORT or "GET" not in (rule.methods or ()):
            continue
        if (
            "<id:" in rule.rule
        ):  # of one customer's documents, as they are; of one bulk act, whose reasons are ours
            continue
        forms = re.findall(r"<any\(([^)]*)\)", rule.rule)
        for form in forms[0].split(", ") if forms else [""]:
            yield re.sub(r"<any\([^>]*>", form, rule.rule)


def asks_first(browser: PageClient, path: str) -> bool:
    """Tell whether an export asks what for before it hands anything out."""
    answer = browser.get(path)
    if answer.status_code == HTTPStatus.FOUND:
        answer = browser.get(str(answer.location))
    return answer.mimetype == "text/html" and "data-export-form" in answer.text


def run_by_a_spreadsheet(answer: Response) -> tuple[list[Any], bool]:
    """Return the cells of a file that a spreadsheet program would run, and whether the canary is in any cell."""
    if answer.data[:2] == b"PK":
        book = openpyxl.load_workbook(io.BytesIO(answer.data))
        cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
        found = [cell.value for cell in cells if cell.data_type == "f" or cell.hyperlink]
        return found, any(CANARY in str(cell.value) for cell in cells)
    texts = [text for row in csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), "")) for text in row]
    found = [text for text in texts if begins_formula(text) and not _NUMBER.fullmatch(text)]
    return found, any(CANARY in text for text in texts)
