# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in the room that there is, and hands of all sorts."""

from collections.abc import Iterator

import pytest

pytest.importorskip("uvicorn")

from tests.tools.study.browsing import (
    DESKTOP,
    LAPTOP,
    PHONE,
    READY,
    SMALL_PHONE,
    begin,
    look,
    newest,
    number,
    press,
    visiting,
)
from tests.tools.study.studies import Served, make_study, served

pytestmark = pytest.mark.timeout(240)


def test_a_finger_answers_on_a_phone_at_whole_pixels(browser, site):
    with visiting(browser, **PHONE) as context:
        page = context.new_page()
        begin(page, site.invitation)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for control in ("#left", "#equal", "#right", "#original"):
            box = page.locator(control).bounding_box()
            assert box["height"] >= 44 and box["x"] >= 0 and box["x"] + box["width"] <= 360
        sizes = [page.locator(f).bounding_box() for f in ("#first", "#second")]
        assert all(round(size["width"] * 3) == 64 * 3 for size in sizes)
        assert "3 × 3" in page.inner_text("#zoom")
        look(page)
        page.tap("#second")
        page.wait_for_function(
            "() => document.getElementById('progress').textContent.startsWith('2 ')"
        )
        look(page)
        page.tap("#equal")
        page.wait_for_function(
            "() => document.getElementById('progress').textContent.startsWith('3 ')"
        )
        assert context.complaints == []
    given = newest(site)
    assert [each.choice for each in given] == ["right", "equal"] and given[0].zoom == 3


def test_a_window_that_is_too_small_says_so(browser, site):
    small = {"viewport": {"width": 320, "height": 340}}
    with visiting(browser, **small) as context:
        page = context.new_page()
        begin(page, site.invitation)
        assert "too small" in page.inner_text("#zoom") or "native" in page.inner_text("#zoom")
        width = page.locator("#first").bounding_box()["width"]
        page.set_viewport_size({"width": 100, "height": 420})
        page.wait_for_function("() => document.getElementById('zoom').textContent.includes('%')")
        assert page.locator("#first").bounding_box()["width"] < width


@pytest.fixture(scope="module")
def large(photos, tmp_path_factory) -> Iterator[Served]:
    """A server of pictures that fill a small window."""
    folder = make_study(photos, tmp_path_factory.mktemp("large"), side=400, trials=4, catches=0)
    with served(folder.path) as server:
        server.folder = folder
        yield server


INSIDE = """() => {
    const room = document.getElementById("stage").getBoundingClientRect();
    return ["first", "second"].map((id) => {
        const box = document.getElementById(id).getBoundingClientRect();
        const inside = Math.min(box.left - room.left, box.top - room.top, room.right - box.right,
            room.bottom - box.bottom) > -0.5;
        return [inside, box.width * devicePixelRatio];
    });
}"""


@pytest.mark.parametrize("device", [LAPTOP, SMALL_PHONE], ids=["laptop", "phone"])
def test_both_pictures_lie_wholly_in_sight_from_the_first_trial_on_and_their_zoom_is_noted(
    browser, large, device
):
    with visiting(browser, **device) as context:
        page = context.new_page()
        begin(page, large.invitation)
        zooms = []
        for again in (False, True):
            if again:
                page.reload()
                page.wait_for_selector(READY)
            sides = page.evaluate(INSIDE)
            assert all(inside for inside, _ in sides)
            zooms.append(sides[0][1] / 400)
            press(page, "ArrowLeft")
        # A line above that takes of their room: they are laid out anew, and that is what is noted.
        look(page)
        page.evaluate("document.getElementById('away').hidden = false")
        page.wait_for_timeout(100)
        sides = page.evaluate(INSIDE)
        assert all(inside for inside, _ in sides)
        zooms.append(sides[0][1] / 400)
        press(page, "ArrowLeft")
        assert zooms[2] < zooms[0] <= 1 or zooms[0] == 1
        assert context.complaints == []
    assert [given.zoom for given in newest(large)] == pytest.approx(zooms, abs=1e-3)


def test_a_double_click_answers_one_trial(browser, site):
    """As does a second press of any kind, when what is to be judged has only just appeared."""
    with visiting(browser, **DESKTOP) as context:
        page = context.new_page()
        begin(page, site.invitation)
        look(page)
        page.evaluate(
            """new MutationObserver(() => {
              const stage = document.getElementById("stage");
              if (stage.classList.contains("blank")) return;
              document.getElementById("first").click();
              document.getElementById("right").click();
              dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
            }).observe(document.getElementById("stage"), { attributeFilter: ["class"] })"""
        )
        page.dblclick("#second")
        page.wait_for_function(
            "() => document.getElementById('progress').textContent.startsWith('2 ')"
        )
        look(page)
        page.wait_for_timeout(300)
        assert number(page) == 2
        press(page, "ArrowLeft")
        assert number(page) == 3 and context.complaints == []
    assert [given.choice for given in newest(site)] == ["right", "left"]


def test_after_a_click_on_pause_the_space_bar_shows_the_original_again(browser, site):
    with visiting(browser, **DESKTOP) as context:
        page = context.new_page()
        begin(page, site.invitation)
        page.click("#pause")
        page.wait_for_selector("#stage.blank")
        page.click("#pause")
        page.wait_for_selector(READY)
        page.keyboard.down(" ")
        page.wait_for_selector("#stage.bare")
        page.keyboard.up(" ")
        page.wait_for_selector("#stage:not(.bare):not(.blank)")
