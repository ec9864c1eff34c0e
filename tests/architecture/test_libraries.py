"""Which libraries the product is installed with: each is named with version and digest."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.sources import ROOT, modules, name_of

LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [Requirement(one) for one in PROJECT["dependencies"]]


def test_every_library_is_locked_by_its_digest():
    """`pip install --require-hashes -r requirements.lock` takes no other file than the ones that were looked at."""
    locked = dict(re.findall(r"^([\w.-]+(?:\[\w]+\])?)==([\w.]+)", LOCK, re.MULTILINE))
    versions = {canonicalize_name(name.partition("[")[0]): version for name, version in locked.items()}
    entries = re.split(r"\n(?=\w)", LOCK.strip())

    assert [one for one in entries if "--hash=sha256:" not in one] == []
    assert [one.name for one in WANTED if canonicalize_name(one.name) not in versions] == []
    assert [one.name for one in WANTED if versions[canonicalize_name(one.name)] not in one.specifier] == []


def test_what_is_for_developers_is_no_part_of_the_product():
    """The product imports nothing that only tests and tools have."""
    locked = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)", LOCK, re.MULTILINE)}
    developers = {canonicalize_name(Requirement(one).name) for one in PROJECT["optional-dependencies"]["dev"]}
    brought_by = packages_distributions()
    foreign = {
        f"{name_of(path)} imports {name}"
        for path in modules()
        for name in _imported(path.read_text())
        if {canonicalize_name(one) for one in brought_by.get(name, ())} & (developers - locked)
    }
    assert foreign == set()


def _imported(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found
