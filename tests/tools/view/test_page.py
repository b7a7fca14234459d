# SPDX-License-Identifier: GPL-3.0-or-later
"""The page in a real browser, headless."""

import re
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")

from tests.tools.view.links import loopback, running

ROOT = Path(__file__).parents[3]
SET = "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def link(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("heard")
    with running(*loopback(photos, "--recordings", folder)) as link:
        yield link
        _, summary = link.end()
    assert summary["lost"] <= 5  # with the changes of its channel


@pytest.fixture
def page(browser, link):
    """The page with its first picture; no console line of any kind may come while it is open."""
    with visited(browser, link.address) as page:
        yield page
        assert page.complaints == []


class visited:
    """A page with its first picture, for `with`."""

    def __init__(self, browser, address: str, **context):
        self._context = browser.new_context(**context)
        self._address = address

    def __enter__(self):
        page = self._context.new_page()
        page.set_default_timeout(30000)
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.foreign = []
        page.on("request", lambda r: page.foreign.append(r.url) if not self._own(r.url) else None)
        page.goto(self._address)
        page.wait_for_selector("#frame:not(.empty)")
        return page

    def _own(self, url: str) -> bool:
        return url.startswith((self._address.partition("#")[0], "blob:"))

    def __exit__(self, *_):
        self._context.close()


def picture(page) -> str:
    """The picture on show as it is drawn."""
    return page.evaluate(
        """async () => {
            const image = document.getElementById("received");
            await image.decode();
            const canvas = Object.assign(document.createElement("canvas"),
                {width: image.naturalWidth, height: image.naturalHeight});
            canvas.getContext("2d").drawImage(image, 0, 0);
            return canvas.toDataURL();
        }"""
    )


def tile(page, name: str) -> str:
    return page.inner_text(f'[data-figure="{name}"] b')


def test_pictures_come_and_counters_move_and_nothing_is_fetched_from_elsewhere(page):
    first = page.get_attribute("#received", "src")
    page.wait_for_function("src => document.getElementById('received').src !== src", arg=first)
    page.wait_for_function("() => document.querySelectorAll('#film li').length === 8")
    received = int(tile(page, "Received"))
    page.wait_for_function(
        "n => parseInt(document.querySelector('[data-figure=Received] b').textContent) > n + 5",
        arg=received,
    )
    assert 5 < float(tile(page, "SNR").split()[0]) < 15
    assert float(tile(page, "PSNR").split()[0]) > 18
    assert tile(page, "Headers lost").strip() == "0"
    assert "model base" in page.inner_text("#about") and "4 Msps" in page.inner_text("#about")
    for name in ("constellation", "channel", "spectrum", "waterfall"):
        drawn = f"document.getElementById('{name}').getContext('2d')"
        some = f"() => {drawn}.getImageData(0, 0, 300, 150).data.some(value => value)"
        page.wait_for_function(some)
    assert page.foreign == []


def test_the_dial_changes_the_picture_on_show_and_the_caption_says_so(page):
    page.click("#pause")
    page.wait_for_selector("#pause[aria-pressed=true]")
    shown = page.locator("#film [aria-current=true] img").get_attribute("alt")
    pictures = []
    for realism in (0, 1):
        page.locator("#realism").evaluate(SET, realism)
        page.wait_for_function(
            "r => document.getElementById('caption').textContent.includes('realism ' + r)",
            arg=f"{realism}.00",
        )
        pictures.append(picture(page))
    assert pictures[0] != pictures[1]
    assert page.locator("#film [aria-current=true] img").get_attribute("alt") == shown
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename.endswith(".png")
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    page.click("#follow")
    page.wait_for_function(
        "() => document.getElementById('realism-value').textContent.includes('sender')"
    )
    page.click("#pause")
    page.wait_for_selector("#pause[aria-pressed=false]")


def test_the_original_lies_beside_it_by_keyboard_and_mouse(page):
    page.wait_for_selector("#split-label:not([hidden])")
    page.focus("#split")
    for _ in range(3):
        page.keyboard.press("PageUp")
    share = int(page.input_value("#split"))
    assert share > 0
    assert page.locator("#edge").evaluate("e => e.style.left") == f"{share}%"
    page.click("#pause")  # the frame stays as high as it is
    box = page.locator("#frame").bounding_box()
    left, top, width = box["x"], box["y"] + 20, box["width"]
    page.mouse.move(left + 0.2 * width, top)
    page.mouse.down()
    for share in (0.25, 0.5, 0.76):
        page.mouse.move(left + share * width, top, steps=3)
        assert abs(int(page.input_value("#split")) - 100 * share) <= 1
    page.mouse.move(left + 1.2 * width, top)  # the hand may leave the picture
    assert page.input_value("#split") == "100"
    page.mouse.up()
    page.mouse.move(left + 0.5 * width, top)
    assert page.input_value("#split") == "100"
    page.click("#pause")
    page.wait_for_selector("#pause[aria-pressed=false]")


def test_the_channels_snr_can_be_set(page):
    page.click("[data-group=Channel] summary")
    page.locator("#do-snr").evaluate(SET, 25)
    page.wait_for_function(
        "() => parseFloat(document.querySelector('[data-figure=SNR] b').textContent) > 20"
    )
    # A group says so in closed, too; where 0 is not off, 0 is a number as others.
    said = "text => document.querySelector('[data-group=Channel] summary').innerText.includes(text)"
    page.locator("#do-snr").evaluate(SET, 0)
    page.wait_for_function(said, arg="awgn · 0 dB")
    page.click("#do-snr-null")
    page.wait_for_function(said, arg="awgn · no noise")
    page.locator("#do-snr").evaluate(SET, 10)
    page.wait_for_function(
        "() => parseFloat(document.querySelector('[data-figure=SNR] b').textContent) < 15"
    )
    page.wait_for_function(said, arg="awgn · 10 dB")


def open_group(page, name: str) -> None:
    page.locator(f"[data-group={name}]").evaluate("e => { e.open = true; }")


def test_controls_come_in_groups_that_say_in_a_few_words_what_is_in_force(page):
    page.wait_for_selector("[data-group=Recording]")
    groups = page.locator("#groups details")
    said = [" ".join(text.split()) for text in groups.locator("summary").all_inner_texts()]
    assert said[0] == "Channel awgn · 10 dB" and said[2] == "Radio not here", said
    assert said[1].startswith("Sender 1/48 · 10 dB · photos"), said
    assert said[3] == "Engine openvino · fp32", said
    assert page.locator("#groups .verb:visible").count() == 0  # calm until somebody asks
    for group in ("Channel", "Radio"):
        page.click(f"[data-group={group}] summary")
    assert page.locator("#groups details[open]").count() == 1
    freq = page.locator("#do-freq")
    assert freq.is_disabled() and "no radio" in page.inner_text("#note-freq")
    assert freq.get_attribute("aria-describedby") == "note-freq"


def test_a_group_is_opened_and_a_channel_chosen_by_keyboard(page):
    page.focus("[data-group=Channel] summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "do-channel"
    page.select_option("#do-channel", "tdl-c")
    page.wait_for_function("() => document.getElementById('about').textContent.includes('tdl-c')")
    page.locator("#do-doppler").evaluate(SET, 50)
    page.wait_for_function(
        "() => document.querySelector('[data-group=Channel] summary').textContent.includes('50 Hz')"
    )
    page.locator("#do-delay_spread").evaluate(SET, 2000)
    page.wait_for_selector("#note-delay_spread:not(:empty)")
    assert "cyclic prefix" in page.inner_text("#note-delay_spread")
    page.click("#do-snr-null")
    page.wait_for_selector("#do-snr-null[aria-pressed=true]")
    page.click("#do-snr-null")
    page.wait_for_selector("#do-snr-null[aria-pressed=false]")
    page.select_option("#do-channel", "awgn")
    page.wait_for_function("() => document.getElementById('about').textContent.includes('awgn')")


def test_a_source_that_cannot_be_opened_is_told_and_the_old_one_goes_on(page):
    open_group(page, "Sender")
    page.fill("#do-source", "/nowhere")
    page.click("#do-source-button")
    page.wait_for_function("() => document.getElementById('error').textContent.includes('nowhere')")
    shown = page.get_attribute("#received", "src")
    page.wait_for_function("src => document.getElementById('received').src !== src", arg=shown)
    assert page.input_value("#do-source") != "/nowhere"
    page.select_option("#do-cbr", "1/24")
    page.wait_for_function(
        "() => document.getElementById('caption').textContent.includes('per 24')"
    )
    page.select_option("#do-cbr", "1/48")


def test_a_recording_is_begun_and_ended_and_says_where_it_lies(page):
    open_group(page, "Recording")
    page.click("#do-record")
    page.wait_for_selector("#do-record[aria-pressed=true]")
    page.click("#do-record")
    page.wait_for_selector("#do-record[aria-pressed=false]")
    assert Path(page.inner_text("#note-record")).is_file()
    assert "--keep-seconds" in page.inner_text("#note-save") and page.is_disabled("#do-save")


def test_the_figures_of_a_picture_that_was_decoded_again_come_after_it(page):
    page.click("#pause")
    page.wait_for_selector("#pause[aria-pressed=true]")
    page.locator("#realism").evaluate(SET, 0.5)
    page.wait_for_function(
        "() => /PSNR [0-9.]+ dB.*realism 0.50/.test(document.getElementById('caption').textContent)"
    )
    page.click("#follow")
    page.click("#pause")
    page.wait_for_selector("#pause[aria-pressed=false]")


def test_a_phone_can_show_it(browser, link):
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
    with visited(browser, link.address, **phone) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.locator("#received").bounding_box()["width"] > 300
        for group in ("Channel", "Sender", "Recording"):
            page.click(f"[data-group={group}] summary")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.wait_for_selector("#split-label:not([hidden])")
        page.evaluate("scrollTo(0, 0)")
        box, finger = page.locator("#frame").bounding_box(), page.context.new_cdp_session(page)
        for kind, share in (("touchStart", 0.2), *(("touchMove", n / 10) for n in range(3, 9))):
            point = {"x": box["x"] + share * box["width"], "y": box["y"] + 20}
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        page.wait_for_function("() => Math.abs(document.getElementById('split').value - 80) <= 1")
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        for control in ("#realism", "#pause", "#save", "#do-record"):
            box = page.locator(control).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 360 and box["height"] >= 24
        assert page.complaints == []


def test_every_control_has_a_name_and_the_keyboard_reaches_it(page):
    controls = page.locator("input:visible, button:visible:not(:disabled)")
    names = [
        control.evaluate("e => (e.labels?.[0] ?? e).innerText || e.querySelector('img')?.alt")
        for control in controls.all()
    ]
    assert len(names) > 4 and all(names)
    reached = set()
    for _ in range(len(names) + 10):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"split", "realism", "follow", "pause", "save"} <= reached


def test_a_restart_of_the_receiver_is_survived(browser, photos):
    with running(*loopback(photos)) as first:
        port = first.port
        with visited(browser, first.address) as page:
            first.end()
            page.wait_for_selector("#state[data-state=away]")
            seen = page.get_attribute("#received", "src")
            with running(*loopback(photos)[:-1], port):
                page.wait_for_selector("#state[data-state=here]", timeout=60000)
                page.wait_for_function(
                    "src => document.getElementById('received').src !== src",
                    arg=seen,
                    timeout=60000,
                )
            # A browser tells of each connection that was refused; nothing else may have gone wrong.
            assert all(
                "ERR_CONNECTION_REFUSED" in line or "WebSocket" in line for line in page.complaints
            )


def test_with_a_token_the_address_that_is_printed_is_enough(browser, photos):
    with running(*loopback(photos), "--view-host", "0.0.0.0") as link:
        address = link.address.replace("0.0.0.0", "127.0.0.1")
        with visited(browser, address) as page:
            page.wait_for_function("() => document.querySelectorAll('#film li').length > 2")
            assert page.complaints == []


def test_every_colour_that_is_used_is_defined():
    style = (ROOT / "tools/view/page/style.css").read_text("utf-8")
    used = set(re.findall(r"var\((--[\w-]+)", style))
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    for scheme in schemes:
        assert used <= set(re.findall(r"(--[\w-]+):", scheme))
    assert len(schemes) == 2  # dark and light


def test_reading_the_link_is_what_the_guide_says():
    guide = (ROOT / "docs" / "on-the-air.md").read_text("utf-8").partition("## Reading the link")[2]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", guide, re.MULTILINE)[1:]
    page = (ROOT / "tools/view/page/figures.js").read_text("utf-8")
    assert len(rows) == 6
    for figure, good, otherwise in rows:
        name = figure.partition(" (")[0].replace("`", "")
        row = f'["{name}", "{good}", "{otherwise}"'.replace("`", "")
        assert row in re.sub(r"\s+", " ", page), row
