# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers in real browsers: no answer is lost, whatever happens in between."""

import contextlib
import shutil
from collections.abc import Iterator

import pytest

pytest.importorskip("uvicorn")
sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")

from percast.tools.study.answers import Answers
from percast.tools.study.plan import Folder
from tests.tools.study.studies import Served, make_study, served

pytestmark = pytest.mark.timeout(240)

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 3,
    "has_touch": True,
    "is_mobile": True,
}
LAPTOP = {"viewport": {"width": 1366, "height": 650}}
SMALL_PHONE = PHONE | {"viewport": {"width": 375, "height": 667}, "device_scale_factor": 2}
READY = "#stage:not(.blank)"
NO_SOONER = 320  # ms after the pictures have come: what is pressed before is no answer


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(small_photos, tmp_path_factory) -> Folder:
    """20 trials for each observer: 6 pictures of 2 conditions with two more pairs of them."""
    out = tmp_path_factory.mktemp("page")
    return make_study(small_photos, out, side=64, trials=6, repeats=3, catches=11, equal=True)


@pytest.fixture(scope="module")
def site(small_photos, tmp_path_factory) -> Iterator[Served]:
    """A server for all tests that need no one of their own."""
    other = make_study(small_photos, tmp_path_factory.mktemp("site"), side=64, equal=True)
    with served(other.path) as server:
        server.folder = other
        yield server


@contextlib.contextmanager
def visiting(browser, **context) -> Iterator:
    """A context whose pages note what goes wrong in them."""
    opened = browser.new_context(**context)
    opened.complaints = []

    def watch(page) -> None:
        page.set_default_timeout(60000)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.on("console", lambda line: opened.complaints.append(line.text))

    opened.on("page", watch)
    try:
        yield opened
    finally:
        opened.close()


def begin(page, link: str) -> str:
    """Agrees; gives the observer's own link."""
    page.goto(link)
    page.wait_for_selector("#welcome:not([hidden])")
    page.check("#nocard")
    page.check("#agree")
    own = page.input_value("#link")
    page.click("#begin")
    page.wait_for_selector(READY)
    return own


def number(page) -> int:
    """Of the trial on show, from 1."""
    return int(page.inner_text("#progress").split()[0])


def look(page) -> None:
    """At the pictures, for as long as an answer takes at least."""
    page.wait_for_selector(READY)
    page.wait_for_timeout(NO_SOONER)


def press(page, key: str) -> None:
    """Answers, and waits for the next trial or the end."""
    look(page)
    now = number(page)
    page.keyboard.press(key)
    page.wait_for_function(
        """now => !document.getElementById("end").hidden
            || parseInt(document.getElementById("progress").textContent) > now""",
        arg=now,
    )


def answers(folder: Folder) -> dict[int, list]:
    """Choices of each observer, by trial."""
    with Answers.open(folder) as store:
        found: dict[int, list] = {}
        for row in store.rows():
            assert row.trial.number == len(found.setdefault(row.slot, []))
            found[row.slot].append(row.given)
    return found


def newest(site: Served) -> list:
    """What the observer who came last has answered."""
    found = answers(site.folder)
    return found[max(found)]


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


def test_a_pause_hides_the_pictures_and_starts_the_clock_anew(browser, site):
    with visiting(browser, **DESKTOP) as context:
        page = context.new_page()
        begin(page, site.invitation)
        begun = page.evaluate("performance.now()")
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
    assert given.reaction_ms < passed - 1500


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
