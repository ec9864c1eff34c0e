"""What head office's menu offers."""

from typing import Final

from hq_server.console.parked import waiting_count
from shared.alarms.queries import count_open
from shared.auth.vocabulary import Right
from shared.i18n import lazy_gettext
from shared.web.menu import MenuEntry

MENU: Final = (
    MenuEntry(lazy_gettext("Overview"), "console.overview", "home", key="o"),
    MenuEntry(lazy_gettext("Branches"), "fleet.index", "building", key="b"),
    MenuEntry(lazy_gettext("Customers"), "customers.index", "users", key="c"),
    MenuEntry(lazy_gettext("Analysis"), "analysis.index", "chart-bar", key="a"),
    MenuEntry(lazy_gettext("Managers"), "oversight.index", "briefcase", key="m"),
    MenuEntry(lazy_gettext("Parked records"), "parked.index", "alert-triangle", count=waiting_count, key="p"),
    MenuEntry(lazy_gettext("Proof"), "verification.index", "circle-check", key="v"),
    MenuEntry(lazy_gettext("Transfers"), "console.transfers", "cloud-upload", key="t"),
    MenuEntry(lazy_gettext("Alarms"), "alarms.index", "alert-circle", count=count_open, key="l"),
    MenuEntry(lazy_gettext("Published items"), "feed.index", "upload", key="u", foot=True),
    MenuEntry(lazy_gettext("Jobs"), "running.index", "clock", right=Right.ADMINISTRATOR, key="j", foot=True),
)
