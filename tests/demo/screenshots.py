"""Takes pictures of every page of both apps in both languages and widths; `make screenshots`.

The few that the README shows go to docs/images; all the others to a folder for looking at.
"""

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
SEED: Final = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Take all pictures; return 1 when there is no Chromium, 2 when the demo did not start."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo.screenshots", description=__doc__)
    parser.add_argument("--look", type=Path, help="folder for the pictures of every page")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--keep", type=Path, help="serve the demo kept here instead of setting up a new one")
    options = parser.parse_args(arguments)
    chromium = find_chromium()
    if chromium is None:
        print(CURE, file=sys.stderr)
        return 1
    look = options.look or Path(tempfile.mkdtemp(prefix="branchline-pages-"))
    reporter = Reporter("en")
    with tempfile.TemporaryDirectory(prefix="branchline-demo-") as temporary:
        folder = options.keep or Path(temporary) / "show"
        try:
            with (
                open_show(folder, scale=options.scale, seed=SEED, say=reporter.step) as (show, _),
                open_browser(chromium) as browser,
            ):
                for node in ("HQ", "B001"):
                    picture_node(browser, show, node, look)
        except StepError as error:
            reporter.failure(error)
            return 2
    print(f"every page: {look}")
    return 0


def picture_node(browser: Browser, show: Show, code: str, look: Path) -> None:
    """Take every page of one node in both languages and widths."""
    user = administrator(show, code)
    with visit(browser, show.nodes[code], user) as visitor:
        kinds = page_kinds(visitor)
    for size in (WIDE, NARROW):
        with visit(browser, show.nodes[code], user, size=size) as visitor:
            for language in LANGUAGES:
                visitor.open("/")
                visitor.speak(language)
                _picture_pages(visitor, kinds, look / f"{code}-{language}-{size[0]}")
            for complaint in visitor.complaints:
                print(f"  ! {complaint}", file=sys.stderr)


def administrator(show: Show, code: str) -> SignIn:
    """Return who may open every page of a node."""
    return next(user for user in show.users if user.node == code and user.right == "administrator")


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
