"""Icons that menus name are among those that are drawn."""

import re
from pathlib import Path

import pytest

from branch_node.home.menu import MENU as BRANCH_MENU
from hq_server.console.menu import MENU as HQ_MENU

SPRITE = Path("shared/ui/static/vendor/icons.svg")


@pytest.mark.skipif(not SPRITE.exists(), reason="icons are drawn by `make setup`")
def test_every_icon_a_menu_names_is_drawn():
    drawn = set(re.findall(r'id="([a-z-]+)"', SPRITE.read_text(encoding="utf-8")))
    assert {entry.icon for entry in (*BRANCH_MENU, *HQ_MENU)} - drawn == set()
