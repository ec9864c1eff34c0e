"""Getting in, and being kept out with a sentence one can use."""

import pytest

pytestmark = [pytest.mark.xdist_group("company"), pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("zh_CN", "用户名或密码"), ("en", "user name or the password")],
)
def test_a_wrong_password_is_refused_in_the_readers_language_without_saying_which_was_wrong(
    language, sentence, open_window, user_of
):
    window = open_window("HQ")
    window.open("/account/sign-in")
    window.speak(language)

    said = []
    for username in (user_of("HQ").username, "nobody-here"):
        window.page.locator("input[name=username]").fill(username)
        window.page.locator("input[name=password]").fill("not the password 1")
        with window.page.expect_navigation():
            window.page.locator("input[name=password]").press("Enter")
        said.append(window.page.locator("[role=alert]").first.inner_text())

    assert sentence in said[0]
    assert said[0] == said[1]
    window.complaints.clear()  # the browser counts the refusal's status as an error of the page


def test_whoever_asks_for_a_page_signed_out_comes_to_it_after_signing_in(open_window, user_of):
    user = user_of("B001")
    window = open_window("B001")
    window.open("/customers")
    assert "/account/sign-in" in window.page.url

    window.page.locator("input[name=username]").fill(user.username)
    window.page.locator("input[name=password]").fill(user.password)
    with window.page.expect_navigation():
        window.page.locator("input[name=password]").press("Enter")

    assert window.page.url.rstrip("/").endswith("/customers")


def test_a_session_of_one_node_opens_no_other(open_window, show, user_of):
    window = open_window("B001", user_of("B001"))

    window.page.goto(f"{show.nodes['B002'].url}/")

    assert "/account/sign-in" in window.page.url
    window.page.goto(f"{show.nodes['B001'].url}/")  # and one did not push the other out
    assert "/account/sign-in" not in window.page.url


def test_signing_out_ends_the_session_for_the_back_button_too(open_window, user_of):
    window = open_window("B001", user_of("B001"))
    window.page.locator("details.person summary").click()
    with window.page.expect_navigation():
        window.page.locator("form[action$='sign-out'] button").click()

    window.open("/customers")

    assert "/account/sign-in" in window.page.url
