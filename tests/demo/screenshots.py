"""Takes the README's pictures from the demo (`make screenshots`); with --look, pictures of every page as well."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from tests.demo.nodes import StepError
from tests.demo.report import Reporter
from tests.demo.show import Show, SignIn, open_show
from tests.demo.visit import LANGUAGES, NARROW, WIDE, Visitor, page_kinds, visit
from tests.support.browser import CURE, find_chromium, open_browser

ROOT: Final = Path(__file__).parents[2]
IMAGES: Final = ROOT / "docs" / "images"
SEED: Final = 7
README_SIZE: Final = (1280, 800)
# Picture, node, page, and what is then clicked there.
TOUR: Final = (
    ("hq-overview", "HQ", "/", None),
    ("hq-analysis", "HQ", "/analysis", None),
    ("hq-managers", "HQ", "/managers", None),
    ("branch-customer", "B001", "/customers?kind=group&grade=A&status=active", "main tr a[data-open]"),
    ("branch-sync", "B001", "/sync/", None),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures; return 1 when there is no Chromium, 2 when the demo did not start."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo.screenshots", description=__doc__)
    parser.add_argument("--look", type=Path, metavar="DIR", help="put pictures of every page here")
    parser.add_argument("--scale", type=float, default=1.0, help="1 makes about 2,400 customers")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="serve the demo kept in DIR")
    options = parser.parse_args(arguments)
    chromium = find_chromium()
    if chromium is None:
        print(CURE, file=sys.stderr)
        return 1
    reporter = Reporter("en")
    with tempfile.TemporaryDirectory(prefix="branchline-demo-") as temporary:
        folder = options.keep or Path(temporary)
        try:
            with (
                open_show(folder, scale=options.scale, seed=SEED, say=reporter.step) as (show, _),
                open_browser(chromium) as browser,
            ):
                picture_tour(browser, show, IMAGES)
                for node in ("HQ", "B001") if options.look else ():
                    picture_node(browser, show, node, options.look)
        except StepError as error:
            reporter.failure(error)
            return 2
    return 0


def picture_tour(browser: Browser, show: Show, folder: Path) -> None:
    """Take the few pictures that the README shows, in English, as wide as the README is read."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, node, path, follow in TOUR:
        with visit(browser, show.nodes[node], first_of(show, node), size=README_SIZE) as visitor:
            visitor.speak("en")
            visitor.open(path)
            if follow:
                with visitor.page.expect_navigation():
                    visitor.page.locator(follow).first.click()
            visitor.page.screenshot(path=folder / f"{name}.png")


def picture_node(browser: Browser, show: Show, code: str, look: Path) -> None:
    """Take every page of one node in both languages and widths, and say what the browser complains of."""
    pictured: set[str] = {"/"}
    for user in (user for user in show.users if user.node == code):
        with visit(browser, show.nodes[code], user) as visitor:
            kinds = page_kinds(visitor)
        # Its own home, and what nobody before could open.
        kinds = {kind: path for kind, path in kinds.items() if kind == "/" or kind not in pictured}
        pictured |= kinds.keys()
        for size in (WIDE, NARROW):
            with visit(browser, show.nodes[code], user, size=size) as visitor:
                for language in LANGUAGES:
                    visitor.open("/")
                    visitor.speak(language)
                    _picture_pages(visitor, kinds, look / f"{code}-{user.kind}-{language}-{size[0]}")
                for complaint in visitor.complaints:
                    print(f"  ! {complaint}", file=sys.stderr)


def first_of(show: Show, code: str) -> SignIn:
    """Return who sees most of the business at a node."""
    return next(user for user in show.users if user.node == code)


def _picture_pages(visitor: Visitor, kinds: dict[str, str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, path in kinds.items():
        visitor.open(path)
        if visitor.scrolls_sideways():
            print(f"  ! {folder.name} {path}: wider than the window", file=sys.stderr)
        name = kind.strip("/").replace("/", ".").translate(str.maketrans("?&={}", "_____")) or "home"
        visitor.page.screenshot(path=folder / f"{name}.png", full_page=True)


if __name__ == "__main__":
    sys.exit(main())
