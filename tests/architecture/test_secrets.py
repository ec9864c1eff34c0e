"""No secret where others may read it: the list of processes, a repr, the source; and no warning of one waved away."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import branch_node.cli
import hq_server.cli
from shared.cli import from_stdin
from tests.architecture.sources import modules, name_of, tracked

COMMANDS: dict[str, click.Command] = {"branch-node": branch_node.cli.cli, "hq-server": hq_server.cli.cli}
SECRET_OPTION = re.compile(r"password|secret|token|code|database|key")
# Called as a secret may be, and none.
NO_SECRETS = {
    "branch-node torture database": "a server for made-up companies",
    "branch-node setup department code": "the code of a department",
    "branch-node setup region code": "the code of a region",
    "hq-server enrol branch_code": "the code of a branch",
    "hq-server revoke branch_code": "the code of a branch",
    "hq-server revoke key": "the first digits of a key's id",
    "hq-server verify code": "the code of a branch",
}
SECRET_FIELD = re.compile(r"^(private_key|secret|secret_key|password|database_url)$")
UNEXPLAINED = re.compile(r"# noqa: S\d+\b(?! - \w)")
KEPT_SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20}|AKIA[0-9A-Z]{16}")


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_takes_a_secret_where_every_user_of_the_machine_reads_it(name):
    """`ps` shows the words of a command to everybody: a secret comes by stdin, from a file, or is asked for."""
    loud = [
        f"{path} {option.name}"
        for path, option in _options(COMMANDS[name], name)
        if SECRET_OPTION.search(str(option.name))
        and _takes_text(option)
        and option.callback is not from_stdin
    ]
    assert sorted(set(loud) - set(NO_SECRETS)) == []


def test_what_is_named_as_no_secret_is_still_there():
    there = {f"{path} {one.name}" for name in COMMANDS for path, one in _options(COMMANDS[name], name)}
    assert set(NO_SECRETS) - there == set()


def test_no_object_that_holds_a_secret_shows_it():
    """A repr ends in logs and tracebacks."""
    telling = [
        f"{name_of(path)}:{field.lineno} {field.target.id}"
        for path in modules()
        for field in _fields(path.read_text())
        if isinstance(field.target, ast.Name)
        and SECRET_FIELD.match(field.target.id)
        and "repr=False" not in ast.unparse(field)
    ]
    assert telling == []


def test_every_warning_about_security_that_is_waved_away_says_why():
    silent = [
        f"{name_of(path)}:{number}"
        for path in modules()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNEXPLAINED.search(line)
    ]
    assert silent == []


def test_no_file_keeps_a_key():
    keeping = [
        name_of(path)
        for path in tracked()
        if path.suffix not in {".png", ".xlsx", ".woff2", ".golden"} and KEPT_SECRET.search(_text(path))
    ]
    assert keeping == []


def test_no_script_of_ours_stores_anything_in_the_browser():
    """What is stored there outlives the session, for whoever sits down next."""
    storing = [
        name_of(path)
        for path in tracked()
        if path.suffix in {".js", ".html"}
        and re.search(r"localStorage|sessionStorage|indexedDB", _text(path))
    ]
    assert storing == []


def test_no_template_and_no_script_shows_text_as_markup():
    """`safe` is for markup of the template itself; scripts of ours set text, never HTML."""
    unsafe = re.compile(
        r"(?<!')\|\s*safe\b|innerHTML\s*=|insertAdjacentHTML|document\.write|\beval\(|autoescape false"
    )
    found = [
        name_of(path)
        for path in tracked()
        if path.suffix in {".js", ".html"} and path.parts[-2] != "vendor" and unsafe.search(_text(path))
    ]
    assert found == []


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def _takes_text(option: click.Parameter) -> bool:
    return not getattr(option, "is_flag", False) and not isinstance(option.type, click.Path)


def _options(command: click.Command, path: str) -> Iterator[tuple[str, click.Parameter]]:
    for option in command.params:
        yield path, option
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _options(inner, f"{path} {name}")


def _fields(source: str) -> Iterator[ast.AnnAssign]:
    """Yield the fields of data classes."""
    if "@dataclass" not in source:
        return
    for made in ast.walk(ast.parse(source)):
        if isinstance(made, ast.ClassDef) and any(
            "dataclass" in ast.unparse(one) for one in made.decorator_list
        ):
            yield from (one for one in made.body if isinstance(one, ast.AnnAssign))
