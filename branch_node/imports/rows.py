"""Reading one row: every cell to its value, every problem named; pure, and fast."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from branch_node.imports.mapping import Plan
from branch_node.imports.parsers import CellError
from shared.errors import N_
from shared.files.tables import Row

REQUIRED: Final = N_("This must not be blank.")
BLANK_NUMBER: Final = N_("The amount is blank. Write it down; it is not guessed, and 0 is written 0.00.")


class Problem(NamedTuple):
    """What is wrong with one cell, or with the row when `column` is blank; `message` is a msgid."""

    column: str
    code: str
    message: str
    params: Mapping[str, Any]


class Reading(NamedTuple):
    """One row as read: `values` by column name (blank cells left out), or `problems`."""

    line: int
    cells: tuple[str, ...]
    values: dict[str, Any]
    problems: list[Problem]


def read_row(plan: Plan, row: Row) -> Reading:
    """Return the row's values, or everything that is wrong with it."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    flawed: set[str] = set()
    if row.problems:
        problems = [
            _from_file(plan, problem.column, problem.code, problem.message) for problem in row.problems
        ]
        flawed = {problem.column for problem in problems}
    creating = plan.update_by is None
    cells = row.cells
    for name, is_required, parse, index, constant, default, words, *_rest in plan.fields:
        given = (cells[index].strip() if index is not None else constant) or default
        if words is not None:
            given = words.get(given.casefold(), given)
        if not given:
            if is_required and creating and name not in flawed:
                problems.append(required(name))
        elif name not in flawed:
            try:
                values[name] = parse(given)
            except CellError as error:
                problems.append(problem_of(name, error))
    return Reading(row.line, tuple(cells), values, problems)


def required(column: str) -> Problem:
    """Return the problem of a blank cell that must not be blank."""
    if column == "amount":
        return Problem(column, "blank-number", BLANK_NUMBER, {})
    return Problem(column, "required", REQUIRED, {})


def problem_of(column: str, error: CellError) -> Problem:
    """Return an error of one cell as the problem to be shown."""
    return Problem(column, error.code, error.message, error.params)


def _from_file(plan: Plan, index: int | None, code: str, message: str) -> Problem:
    """Name the column in which the reader itself found a problem; outside the mapped ones, the heading."""
    if index is None:
        return Problem("", code, message, {})
    for field in plan.fields:
        if field.position == index:
            return Problem(field.name, code, message, {})
    heading = plan.headings[index] if index < len(plan.headings) else ""
    return Problem(heading, code, message, {})
