"""What the policy table grants is asked for somewhere: a right that nothing asks for would be a promise of nothing."""

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from branch_node.app import create_app as create_branch
from branch_node.app import open_runtime as open_branch
from branch_node.config import create_home as create_branch_home
from branch_node.ranges import RANGES as BRANCH_RANGES
from hq_server.app import create_app as create_hq
from hq_server.app import open_runtime as open_hq
from hq_server.config import create_home as create_hq_home
from hq_server.ranges import RANGES as HQ_RANGES
from shared.rights import policy
from shared.rights.vocabulary import BUSINESS, CARRYING, Action, Resource
from shared.web.access import access_of
from tests.architecture.sources import modules

Asked = tuple[Resource, Action]
# People and places: rows are kept back by branch only, and tell nothing of customers.
ORGANISED = {Resource.ACCOUNT, Resource.NODE, Resource.ORGANISATION, Resource.TWO_PERSON}


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> set[Asked]:
    """Everything that any view of either app, or any line of code, asks the policy table for."""
    folder, found = tmp_path_factory.mktemp("grants"), set(_in_code())
    apps: tuple[tuple[Any, Any, Any], ...] = (
        (create_branch_home, open_branch, create_branch),
        (create_hq_home, open_hq, create_hq),
    )
    for create_home, open_runtime, create_app in apps:
        home = folder / open_runtime.__module__
        create_home(home, database_url=None)
        runtime = open_runtime(home)
        found |= set(_by_views(create_app(runtime)))
        runtime.database.dispose()
    return found


def _by_views(app: Flask) -> Iterator[Asked]:
    for endpoint in app.view_functions:
        said = access_of(app, endpoint)
        if said is not None and said.resource is not None and said.action is not None:
            yield said.resource, said.action


def _in_code() -> Iterator[Asked]:
    """Yield what code names side by side: `may(Resource.RIGHT, Action.APPROVE)`."""
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                names = [ast.unparse(one).split(".") for one in node.args]
                words = {kind: name for kind, name in (one for one in names if len(one) == 2)}  # noqa: C416
                if {"Resource", "Action"} <= set(words):
                    yield Resource[words["Resource"]], Action[words["Action"]]


def granted() -> set[Asked]:
    return {
        (resource, action)
        for (resource, _kind), grants in policy.policy().items()
        for grant in grants
        for action in grant.actions
    }


def test_whatever_the_table_grants_is_asked_for(asked):
    assert sorted(granted() - asked) == []


def test_whatever_a_view_asks_for_is_granted_to_somebody(asked):
    assert sorted(asked - granted()) == []


def test_whoever_was_granted_no_range_sees_no_row_that_is_of_somebody():
    ranged = {one.resource for one in (*BRANCH_RANGES, *HQ_RANGES)}
    assert ranged - BUSINESS - CARRYING <= ORGANISED
