# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers in real browsers: no answer is lost, whatever happens in between."""

import pytest

pytest.importorskip("uvicorn")

from percast.tools.study.plan import Folder
from tests.tools.study.browsing import (
    DESKTOP,
    NO_SOONER,
    PHONE,
    READY,
    answers,
    begin,
    look,
    newest,
    number,
    press,
    visiting,
)
from tests.tools.study.studies import Served, make_study, served

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def folder(small_photos, tmp_path_factory) -> Folder:
    """20 trials for each observer: 6 pictures of 2 conditions with two more pairs of them."""
    out = tmp_path_factory.mktemp("page")
    return make_study(small_photos, out, side=64, trials=6, repeats=3, catches=11, equal=True)


def test_twenty_trials_by_two_observers_with_connection_and_tab_lost_in_between(browser, folder):
    keys = {"ArrowLeft": "left", "ArrowRight": "right", "=": "equal"}
    wanted = [[list(keys)[(3 * i + k) % 3 if k else i % 3] for i in range(20)] for k in (0, 1)]
    with visiting(browser, **DESKTOP) as one, visiting(browser, **DESKTOP) as two:
        server = Served(folder.path)
        pages = [one.new_page(), two.new_page()]
        links = [begin(page, server.invitation) for page in pages]
        assert len(set(links)) == 2
        for i in range(5):
            for page, mine in zip(pages, wanted, strict=True):
                press(page, mine[i])
        # The browser is offline when the answer is given, and comes back.
        look(pages[0])
        one.set_offline(True)
        pages[0].keyboard.press(wanted[0][5])
        pages[0].wait_for_selector("#away:not([hidden])")
        assert len(answers(folder)[0]) == 5
        press(pages[1], wanted[1][5])
        one.set_offline(False)
        pages[0].wait_for_function(
            "() => document.getElementById('progress').textContent.startsWith('7 ')"
        )
        # The server is gone when the answer is given, the tab is lost with it, and a new tab finds
        # the answer where the last one left it.
        look(pages[0])
        port = server.port
        assert server.end()[0] == 130
        pages[0].keyboard.press(wanted[0][6])
        pages[0].wait_for_selector("#away:not([hidden])")
        pages[0].close()
        with served(folder.path, "--port", port) as server:
            pages[0] = one.new_page()
            pages[0].goto(links[0])
            pages[0].wait_for_selector(READY)
            assert number(pages[0]) == 8
            # Another browser goes on by the link alone.
            with visiting(browser, **PHONE) as other:
                phone = other.new_page()
                phone.goto(links[1])
                phone.wait_for_selector(READY)
                press(phone, wanted[1][6])
                assert other.complaints == []
            pages[1].reload()
            for i in range(7, 20):
                for page, mine in zip(pages, wanted, strict=True):
                    press(page, mine[i])
            for page in pages:
                page.wait_for_selector("#end:not([hidden])")
        errors = [line for line in one.complaints + two.complaints if "ERR_" not in line]
        assert errors == []
    stored = answers(folder)
    assert [[given.choice for given in stored[slot]] for slot in (0, 1)] == [
        [keys[key] for key in mine] for mine in wanted
    ]
    for given in stored[0] + stored[1]:
        assert 0 < given.reaction_ms < 60000 and given.zoom == int(given.zoom)


def test_both_pictures_appear_in_one_frame_and_the_clock_starts_then(browser, site):
    with visiting(browser, **DESKTOP) as context:
        page = context.new_page()
        # Before every frame, what of both pictures can be seen.
        page.add_init_script(
            """window.seen = [];
            (function look() {
              const pictures = [...document.querySelectorAll("figure .picture")];
              window.seen.push(pictures.map((p) => p.complete && p.naturalWidth > 0
                && getComputedStyle(p).visibility === "visible").join());
              requestAnimationFrame(look);
            })();"""
        )
        begin(page, site.invitation)
        for _ in range(4):
            press(page, "ArrowLeft")
        assert set(page.evaluate("window.seen")) <= {"", "false,false", "true,true"}
        assert "true,true" in page.evaluate("window.seen")
        assert context.complaints == []


def test_a_pause_hides_the_pictures_and_stops_the_clock(browser, site):
    looked = 700  # ms, at least, before the pause; half of it at the original
    with visiting(browser, **DESKTOP) as context:
        page = context.new_page()
        begin(page, site.invitation)
        begun = page.evaluate("performance.now()")
        page.keyboard.down(" ")
        page.wait_for_timeout(looked / 2)
        page.keyboard.up(" ")
        page.wait_for_timeout(looked / 2)
        page.keyboard.press("p")
        page.wait_for_selector("#stage.blank")
        assert page.locator("#first img.picture").evaluate(
            "e => getComputedStyle(e).visibility"
        ) == ("hidden")
        page.keyboard.press("ArrowLeft")  # nothing to choose from
        page.wait_for_timeout(1500)
        page.keyboard.press("p")
        page.wait_for_selector(READY)
        assert number(page) == 1
        press(page, "ArrowRight")
        passed = page.evaluate("performance.now()") - begun
        assert context.complaints == []
    given = newest(site)[0]
    assert given.shows == 2 and given.choice == "right"
    # What was looked at before the pause counts, the pause does not; `begun` may be a second late.
    assert looked + NO_SOONER - 50 <= given.reaction_ms < passed - 500
    assert looked / 2 - 50 <= given.original_ms < given.reaction_ms - NO_SOONER


def test_the_original_is_shown_while_it_is_held_and_that_is_noted(browser, site):
    with visiting(browser, **DESKTOP) as context:
        page = context.new_page()
        begin(page, site.invitation)
        shown = "e => getComputedStyle(e).visibility"
        assert page.locator("#first .original").evaluate(shown) == "hidden"
        page.keyboard.down(" ")
        for place in ("#first", "#second"):
            assert page.locator(f"{place} .original").evaluate(shown) == "visible"
        page.keyboard.up(" ")
        assert page.locator("#first .original").evaluate(shown) == "hidden"
        assert number(page) == 1
        press(page, "ArrowLeft")
        assert context.complaints == []
    given = newest(site)[0]
    assert 0 < given.original_ms <= given.reaction_ms


def test_every_control_has_a_name_and_the_keyboard_reaches_it(browser, site):
    with visiting(browser, **DESKTOP) as context:
        page = context.new_page()
        page.goto(site.invitation)
        page.wait_for_selector("#welcome:not([hidden])")
        controls = page.locator("input:visible, select:visible, button:visible")
        for control in controls.all():
            assert control.evaluate(
                "e => e.labels?.[0]?.innerText || e.getAttribute('aria-label') || e.innerText"
            )
        reached = set()
        for _ in range(controls.count() + 2):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id"))
        assert {"steps", "card", "nocard", "copy", "agree", "begin"} <= reached
        assert context.complaints == []


def test_a_wrong_link_is_told_in_words(browser, site):
    with visiting(browser, **DESKTOP) as context:
        page = context.new_page()
        address = site.invitation.partition("#")[0]
        for fragment, words in (("", "whole link"), ("#observer=abc", "not one of this study")):
            page.goto(address + fragment)
            page.wait_for_function(
                "words => document.getElementById('message').textContent.includes(words)", arg=words
            )


def test_an_answer_outlives_a_proxy_that_does_not_know_us(browser, site):
    with visiting(browser, **DESKTOP) as visitor:
        page = visitor.new_page()
        begin(page, site.invitation)
        look(page)
        page.route("**/api/answer", lambda route: route.fulfill(status=404, body="no such site"))
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#wait:not([hidden])")
        assert "Nothing is lost" in page.inner_text("#message")
        page.unroute("**/api/answer")
        page.reload()
        page.wait_for_selector(READY)
        assert number(page) == 2 and [given.choice for given in newest(site)] == ["left"]


def test_a_server_that_cannot_store_an_answer_is_waited_for_in_words(browser, site):
    """A full disk is 503; so is a proxy's word while the study starts again."""
    refused = []

    def full_at_first(route) -> None:
        if len(refused) == 4:
            route.continue_()
        else:
            refused.append(route.fulfill(status=503, body="{}"))

    with visiting(browser, **DESKTOP) as visitor:
        page = visitor.new_page()
        begin(page, site.invitation)
        look(page)
        page.route("**/api/answer", full_at_first)
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#away:not([hidden])")
        assert "Nothing is lost" in page.text_content("#away")
        page.wait_for_selector(READY)
        assert len(refused) == 4
        assert number(page) == 2 and page.is_hidden("#away")
        assert [given.choice for given in newest(site)] == ["left"]


def test_a_browser_of_before_2022_takes_part_too(browser, site):
    with visiting(browser, **DESKTOP) as visitor:
        page = visitor.new_page()
        page.add_init_script("delete AbortSignal.timeout;")
        begin(page, site.invitation)
        press(page, "ArrowLeft")
        assert page.is_hidden("#away") and visitor.complaints == []


@pytest.mark.parametrize("scripts", [True, False])
def test_who_has_no_scripts_or_none_that_run_is_told_why_nothing_comes(browser, site, scripts):
    with visiting(browser, **DESKTOP, java_script_enabled=scripts) as visitor:
        page = visitor.new_page()
        page.route("**/main.js", lambda route: route.fulfill(status=404))
        page.goto(site.invitation)
        assert "your browser is too old" in page.inner_text("#message")
        assert ("JavaScript" in page.inner_text("#wait")) == (not scripts)
