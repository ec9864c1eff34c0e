"""What somebody's hands do on a page: keys, lists, fields."""

from playwright.sync_api import Page


def press(page: Page, *keys: str) -> None:
    """Press keys one after the other; the last one leads to another page."""
    for key in keys[:-1]:
        page.keyboard.press(key)
    with page.expect_navigation():
        page.keyboard.press(keys[-1])


def follow(page: Page, name: str) -> None:
    """Go to a link by the keyboard and open it; raises when there are several of that name."""
    page.get_by_role("link", name=name, exact=True).focus()
    press(page, "Enter")


def choose(page: Page, **chosen: str) -> None:
    """Choose in lists by their names."""
    for name, value in chosen.items():
        page.locator(f"main select[name={name}]").select_option(value)


def enter(page: Page, **values: str) -> None:
    """Type into fields by their names, over what stands there."""
    for name, value in values.items():
        page.locator(f"main [name={name}]").focus()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(value)


def push_button(page: Page, name: str) -> None:
    """Press a button of the page's content by the keyboard; it leads to another page."""
    page.locator("main").get_by_role("button", name=name, exact=True).focus()
    press(page, "Enter")
