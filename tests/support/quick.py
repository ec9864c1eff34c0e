"""What every process of a test run does once, so that not every test does it again.

An app, its database and its people are made anew for each test. What is dear about them and the same every
time (routes, templates and statements to compile, passwords to hash) is remembered, or made cheap, here.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from argon2 import PasswordHasher
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from shared.auth import passwords
from tests.support.postgres import memory_folder

HASHER_IN_EARNEST: Final = passwords._HASHER
"""For tests about what a password costs whoever guesses."""

STATEMENTS: Final = 5_000
_builders: Final[dict[tuple[Any, ...], Callable[..., tuple[str, str]]]] = {}


def be_quick(folder: Path) -> None:
    """Remember in this process, and in `folder` for the others of the run, what tests would make again."""
    remember_builders()
    remember_templates(folder / "templates")
    remember_statements()
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # type: ignore[misc]


def keep_files_in_memory() -> None:
    """Let the run's temporary files be in memory: a commit of SQLite waits for the disk, in production rightly."""
    if memory := memory_folder():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


def remember_builders() -> None:
    """Let rules of one spelling share the function that werkzeug compiles to build their address.

    It is made from the rule's parts and default values alone, and is handed the rule that calls it.
    """
    compile_builder = Rule._compile_builder

    def remembered(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = (rule.rule, tuple(rule._trace), append_unknown)
        if key not in _builders:
            _builders[key] = compile_builder(rule, append_unknown)
        return _builders[key]

    Rule._compile_builder = remembered  # type: ignore[method-assign, assignment]


def remember_templates(folder: Path) -> None:
    """Let all apps read templates that were compiled once: compiling those of one page takes half a second."""
    folder.mkdir(exist_ok=True)
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": FileSystemBytecodeCache(str(folder))}


def remember_statements() -> None:
    """Let the engines of all tests share the statements that one of them has compiled.

    SQLAlchemy keeps them per engine and finds them by the dialect, among other things: two dialects of one kind that
    write JSON alike, as all of the product's do, compile alike.
    """
    begin = Engine.__init__
    statements: LRUCache[Any, Any] = LRUCache(STATEMENTS)

    def remembering(engine: Engine, *arguments: Any, **options: Any) -> None:
        begin(engine, *arguments, **options)
        engine._compiled_cache = statements

    def kind(dialect: Any) -> tuple[Any, ...]:
        return type(dialect), getattr(dialect, "_json_serializer", None)

    Engine.__init__ = remembering  # type: ignore[method-assign, assignment]
    DefaultDialect.__hash__ = lambda self: hash(kind(self))  # type: ignore[method-assign]
    DefaultDialect.__eq__ = lambda self, other: (  # type: ignore[method-assign]
        isinstance(other, DefaultDialect) and kind(self) == kind(other)
    )
