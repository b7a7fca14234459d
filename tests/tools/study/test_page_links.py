# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, and who comes by them."""

import pytest

pytest.importorskip("uvicorn")

from tests.tools.study.browsing import DESKTOP, READY, begin, number, press, visiting
from tests.tools.study.studies import make_study, served

pytestmark = pytest.mark.timeout(240)


def test_who_comes_next_to_a_shared_machine_does_not_go_on_as_the_last(browser, site):
    with visiting(browser, **DESKTOP) as context:
        page = context.new_page()
        first = begin(page, site.invitation)
        press(page, "ArrowLeft")
        page.close()
        page = context.new_page()
        page.goto(site.invitation)
        page.click("#same")
        page.wait_for_selector(READY)
        assert number(page) == 2 and page.url == first
        page.close()
        page = context.new_page()
        page.goto(site.invitation)
        page.click("#other")
        page.wait_for_selector("#welcome:not([hidden])")
        assert page.input_value("#link") not in (first, site.invitation)
        # Nobody loses the last one's place by that.
        page.goto(first)
        page.wait_for_selector(READY)
        assert number(page) == 2 and context.complaints == []


def test_the_last_page_lets_another_person_in_also_when_it_is_opened_again(
    browser, small_photos, tmp_path
):
    folder = make_study(small_photos, tmp_path, side=64, trials=1, repeats=0, catches=0)
    with served(folder.path) as server, visiting(browser, **DESKTOP) as context:
        page = context.new_page()
        own = begin(page, server.invitation)
        press(page, "ArrowLeft")
        page.wait_for_selector("#end:not([hidden])")
        page.reload()
        page.click("#anew")
        page.wait_for_selector("#welcome:not([hidden])")
        assert page.input_value("#link") != own
        # Whom the link was sent to has nobody to let in.
        with visiting(browser, **DESKTOP) as elsewhere:
            page = elsewhere.new_page()
            page.goto(own)
            page.wait_for_selector("#end:not([hidden])")
            assert page.is_hidden("#anew")


@pytest.mark.parametrize("able", [True, False])
def test_a_link_is_called_copied_only_when_it_was(browser, site, able):
    with visiting(browser, **DESKTOP) as context:
        page = context.new_page()
        # As over plain HTTP in a room.
        page.add_init_script(
            "Object.defineProperty(Navigator.prototype, 'clipboard', { get: () => undefined });"
            + ("" if able else "document.execCommand = () => false;")
        )
        page.goto(site.invitation)
        page.wait_for_selector("#welcome:not([hidden])")
        page.evaluate("addEventListener('copy', () => { window.taken = String(getSelection()); })")
        page.click("#copy")
        page.wait_for_selector("#copied:not(:empty)")
        assert ("Copied" in page.inner_text("#copied")) == able
        assert page.evaluate("window.taken") == (page.input_value("#link") if able else None)
        chosen = page.locator("#link").evaluate(
            "e => e.value.slice(e.selectionStart, e.selectionEnd)"
        )
        assert chosen == page.input_value("#link")
