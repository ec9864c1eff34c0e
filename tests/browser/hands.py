"""What somebody's hands do on a page: keys alone, and each stop on the way can be seen."""

from typing import Final

from playwright.sync_api import Locator, Page

# More stops than any page has, its menu and its bar included.
MOST_STOPS: Final = 400
# It may begin behind what is looked for, and at the end of a page the focus is nowhere for one Tab.
MOST_ROUNDS: Final = 3
# What has the focus: whether it is in view, to which the page may glide, and looks like it has the focus.
STOP: Final = """async () => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const seen = () => {
    const box = it.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && box.right > 0 && box.bottom > 0 && box.top < innerHeight;
  };
  for (let frame = 0; frame < 120 && it.isConnected && !seen(); frame++) await new Promise(requestAnimationFrame);
  if (!it.isConnected) return null;
  const style = getComputedStyle(it);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const what = `${it.tagName} ${it.id || it.name || it.textContent.trim().slice(0, 40)}`;
  return { what, seen: seen(), shown: outlined || style.boxShadow !== "none" };
}"""


def reach(page: Page, target: Locator) -> None:
    """Press Tab until something has the focus; every stop on the way is on the page and shows that it has the focus."""
    rounds = 0
    for _stop in range(MOST_STOPS):
        stop = page.evaluate(STOP)
        rounds += stop is None
        assert stop is None or (stop["seen"] and stop["shown"]), stop
        # looked up anew each time: an answer on its way may put another element in its place
        if stop and target.evaluate("it => it === document.activeElement"):
            return
        assert rounds <= MOST_ROUNDS, f"no Tab leads to {target}"
        page.keyboard.press("Tab")
    message = f"no Tab leads to {target}"
    raise AssertionError(message)


def press(page: Page, *keys: str) -> None:
    """Press keys one after the other; the last one leads to another page."""
    for key in keys[:-1]:
        page.keyboard.press(key)
    with page.expect_navigation():
        page.keyboard.press(keys[-1])


def follow(page: Page, name: str) -> None:
    """Go to a link and open it; raises when there are several of that name."""
    reach(page, page.get_by_role("link", name=name, exact=True))
    press(page, "Enter")


def choose(page: Page, **chosen: str) -> None:
    """Choose in lists by their names, with the arrows."""
    for name, value in chosen.items():
        choose_in(page, page.locator(f"main select[name={name!r}]"), value)


def choose_in(page: Page, field: Locator, value: str) -> None:
    """Choose a value in a list with the arrows."""
    reach(page, field)
    page.keyboard.press("Home")
    for _option in range(field.locator("option").count()):
        if field.input_value() == value:
            return
        page.keyboard.press("ArrowDown")
    assert field.input_value() == value


def enter(page: Page, **values: str) -> None:
    """Type into fields by their names, over what stands there."""
    for name, value in values.items():
        reach(page, page.locator(f"main [name={name!r}]"))
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(value)


def push_button(page: Page, name: str) -> None:
    """Press a button of the page's content; it leads to another page."""
    reach(page, page.locator("main").get_by_role("button", name=name, exact=True))
    press(page, "Enter")
