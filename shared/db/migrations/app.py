"""Which tables an app has, and where its migrations stand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table

from shared.db.base import Base

# The apps that the tool knows by name; each has a module `tables` with its declaration `APP`.
APPS: Final = {"hq": "hq_server", "branch": "branch_node"}


def _nothing(connection: Connection) -> None:
    """Leave the database as the revisions made it."""


@dataclass(frozen=True, slots=True)
class MigratedApp:
    """One app's declaration: `modules` define its tables; a mapped class belongs to the module it stands in.

    `after_upgrade` makes what is generated and not migrated (triggers, search tables). It runs in
    the transaction of every upgrade, also when no revision was pending, so it must repeat well.
    `before_change` takes away what of it would be in the way of a revision; it runs before any, up and down.
    On SQLite every trigger has been dropped before, since a table cannot be rebuilt under one.
    """

    name: str
    package: str
    modules: tuple[str, ...]
    after_upgrade: Callable[[Connection], object] = _nothing
    before_change: Callable[[Connection], object] = _nothing

    @property
    def folder(self) -> Path:
        """The folder of the app's revisions."""
        return _package_folder(self.package) / "migrations"

    def tables(self) -> list[Table]:
        """Return the app's tables, each after those it refers to."""
        for module in self.modules:
            import_module(module)
        own = {
            mapper.local_table for mapper in Base.registry.mappers if mapper.class_.__module__ in self.modules
        }
        return [table for table in Base.metadata.sorted_tables if table in own]

    def forgotten_modules(self) -> list[str]:
        """Return the app's own `models` modules that `modules` does not list."""
        return sorted(set(_model_modules([self.package])) - set(self.modules))


def load_app(name: str) -> MigratedApp:
    """Return the declaration of the app `name` ("hq" or "branch")."""
    app = import_module(f"{APPS[name]}.tables").APP
    if not isinstance(app, MigratedApp):
        msg = f"{APPS[name]}.tables.APP is no MigratedApp"
        raise TypeError(msg)
    return app


def unlisted_shared_modules(apps: Iterable[MigratedApp]) -> list[str]:
    """Return the `models` modules of the packages below the apps that no app lists."""
    listed = {module for app in apps for module in app.modules}
    return sorted(set(_model_modules(["shared", "sync_protocol"])) - listed)


def _model_modules(packages: Iterable[str]) -> Iterable[str]:
    for package in packages:
        folder = _package_folder(package)
        for path in folder.rglob("models.py"):
            yield ".".join((package, *path.relative_to(folder).with_suffix("").parts))


def _package_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        msg = f"there is no package {package}"
        raise ModuleNotFoundError(msg)
    return Path(next(iter(spec.submodule_search_locations)))
