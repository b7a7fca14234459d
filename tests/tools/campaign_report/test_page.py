# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast campaign report`, and its page in a real browser, opened as a file."""

import json
import re
import sqlite3
from html import unescape

import pytest

from percast.errors import PercastError
from percast.tools.cli import build_parser
from tests.tools.campaign_report.stores import COMMAND, Law, make_store

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def report(percast, campaign, tmp_path_factory):
    """The page and the numbers, by the real command."""
    folder = tmp_path_factory.mktemp("report")
    other = make_store(folder / "old.sqlite", Law(cliff_db=6, better=0.01, seed=1))
    out = folder / "page.html"
    done = percast("campaign", "report", campaign, "--out", out, "--against", other, "--json")
    assert done.code == 0, done.err
    return out, done.json


@pytest.fixture
def opened(browser, report):
    """Opens the page; nothing may go wrong in it, and nothing be fetched."""
    contexts, complaints = [], []

    def open_page(**context):
        contexts.append(browser.new_context(offline=True, **context))
        page = contexts[-1].new_page()
        page.set_default_timeout(30000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else
                complaints.append(r.url))  # fmt: skip
        page.goto(report[0].as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def test_the_page_says_what_the_numbers_say(report):
    path, numbers = report
    text = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", path.read_text("utf-8"))))
    assert COMMAND in text and "percast 0.1.0 (0123456789)" in text
    assert numbers["page"] == str(path)
    for point in numbers["points"]:
        assert f"{point['arrived']} of {point['sent']}" in text
        if lpips := point["metrics"]["lpips"]["arrived"]:
            assert f"{lpips['value']:.3f} [{lpips['low']:.3f}, {lpips['high']:.3f}]" in text
    assert "beyond the measured range" in text
    assert "it takes patches of 256 x 256, 256 for KID and 2,048 for FID" in text
    assert "12 times" in text or "48 times: too little arrived to decode" in text
    assert {c["verdict"] for c in numbers["comparison"]["changes"]} == {"worse", "no change shown"}


def test_a_campaign_that_ran_here_becomes_a_page(percast, browser, tmp_path):
    """`percast campaign run quick && percast campaign report`, of fewer pictures."""
    pytest.importorskip("av", reason="pip install 'percast[digital]'")
    store = tmp_path / "quick.sqlite"
    ran = percast(
        "campaign", "run", "quick", "--out", store, "--workers", 1,
        "--set", "pictures.frames=2", "--set", "conditions.snr=10",
        "--set", "pictures.size=192x192", timeout=200,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    done = percast("campaign", "report", store)
    assert done.code == 0, done.err
    assert f"report     {store.with_suffix('.html')}" in done.out and "hevc-ldpc" in done.out
    page = browser.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(store.with_suffix(".html").as_uri())
    assert page.locator("h1").inner_text() == "Campaign quick"
    record = page.locator("#record").inner_text()
    assert "openvino: " in record and "encoder.onnx" in record and "[campaign]" in record
    assert "AWGN, SNR 10 dB" in page.locator("#saved").inner_text()
    over = page.locator(".comparison .over").first
    assert over.evaluate("e => e.decode().then(() => e.naturalWidth)") == 192
    assert page.locator("#link .panels svg").count() >= 4
    page.close()
    assert complaints == []


def test_it_opens_from_a_file_and_keeps_a_screenshot(opened, report):
    page = opened(viewport={"width": 1280, "height": 900})
    sections = page.locator("nav a").all_inner_texts()
    assert sections[:3] == ["Summary", "What changed", "Bandwidth saved"]
    assert "Quality against rate" in sections and "Record" in sections
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1
    for panel in page.locator(".panels svg").all()[:6]:
        assert panel.locator(".line").count() >= 1 and panel.bounding_box()["width"] > 250
    # Names of pictures are text, whatever they hold.
    assert page.locator(".comparison b b").count() == 0
    assert "<b>" in page.locator(".comparison figcaption").first.inner_text()
    shot = report[0].with_suffix(".png")
    page.screenshot(path=shot, full_page=True)
    assert shot.read_bytes().startswith(b"\x89PNG") and shot.stat().st_size > 100_000


def test_the_slider_divides_the_pictures_by_keyboard_and_mouse(opened):
    page = opened()
    figure = page.locator(".comparison").first
    slider, over = figure.locator("input[type=range]"), figure.locator(".over")
    slider.focus()
    page.keyboard.press("Home")
    assert over.evaluate("e => e.style.clipPath") == "inset(0px 100% 0px 0px)"
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    assert over.evaluate("e => e.style.clipPath") == "inset(0px 70% 0px 0px)"
    assert slider.get_attribute("aria-valuetext") == "30% from the left"
    figure.locator(".stage").scroll_into_view_if_needed()
    box = figure.locator(".sheet").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 10)
    assert 73 <= int(slider.input_value()) <= 77
    # Other layers by their lists; what is shown is said.
    left, right = figure.locator("select").all()[:2]
    names = left.locator("option").all_inner_texts()
    assert names == ["original", "percast", "hevc-ldpc"]
    before = figure.locator(".under").get_attribute("src")
    right.select_option("hevc-ldpc")
    assert figure.locator(".under").get_attribute("src") != before
    assert re.search(r"Right: hevc-ldpc\s+LPIPS 0\.\d+", figure.locator(".shown").inner_text())


def test_numbers_can_be_taken_away(opened):
    page = opened(accept_downloads=True)
    plot = page.locator("figure.plot").first
    for name, start in (("CSV", b"code,channel,level,cbr,value"), ("SVG", b"<?xml")):
        with page.expect_download() as download:
            plot.get_by_role("link", name=name).click()
        assert download.value.suggested_filename.endswith(name.lower())
        with open(download.value.path(), "rb") as file:
            assert file.read().startswith(start)


def test_a_phone_can_show_it_in_the_dark(opened):
    page = opened(viewport={"width": 360, "height": 740}, color_scheme="dark", has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    panel = page.locator(".panels svg").first.bounding_box()
    assert panel["x"] >= 0 and 300 < panel["width"] <= 360
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", back))) < 120
    controls = page.locator(".comparison").first.locator("select, input")
    for control in controls.all():
        box = control.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360 and box["height"] >= 22


def test_without_scripts_and_on_paper_the_pictures_lie_side_by_side(opened):
    page = opened(java_script_enabled=False)
    layers = page.locator(".comparison").first.locator(".layer img")
    assert layers.count() == 3 and all(layer.is_visible() for layer in layers.all())
    assert not page.locator(".stage").first.is_visible()
    page = opened()
    page.emulate_media(media="print")
    assert page.locator(".comparison").first.locator(".layer img").first.is_visible()
    assert not page.locator("nav").is_visible()


def complaint(*argv: object) -> tuple[int, str]:
    """Exit code and text of what a report is refused with."""
    argv = ["campaign", "report", *map(str, argv)]
    args = build_parser(argv).parse_args(argv)
    with pytest.raises(PercastError) as caught:
        args.main(args)
    assert "\n" not in str(caught.value)
    return caught.value.exit_code, str(caught.value)


def test_mistakes_are_one_line_each(percast, campaign, tmp_path):
    missing = percast("campaign", "report", tmp_path / "none.sqlite")
    assert (missing.code, "there is no such campaign" in missing.complaint) == (6, True)
    quick = ("--no-sets", "--lost", "aside")
    code, text = complaint(campaign, *quick, "--out", tmp_path / "a/b.html")
    assert code == 6 and "cannot write" in text
    (tmp_path / "file").touch()
    code, text = complaint(campaign, *quick, "--out", tmp_path / "file/b.html")
    assert code == 6 and "cannot write" in text
    before = campaign.read_bytes()
    code, text = complaint(campaign, "--out", campaign)
    assert code == 2 and "is the campaign itself" in text
    assert campaign.read_bytes() == before
    code, text = complaint(campaign, "--decode", 3)
    assert code == 6 and "no decoding 3" in text
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(before)
    with sqlite3.connect(damaged) as db:
        db.execute("UPDATE decodes SET image = substr(image, 1, 90) WHERE image IS NOT NULL")
    db.close()
    code, text = complaint(damaged, *quick)
    assert code == 6 and "a picture in it is damaged" in text
    other = tmp_path / "other.sqlite"
    sqlite3.connect(other).execute("CREATE TABLE a (b)").connection.close()
    code, text = complaint(other)
    assert code == 6 and "no campaign" in text


def test_json_is_whole_and_has_no_infinities(report):
    _, numbers = report
    text = json.dumps(numbers, allow_nan=False)
    assert json.loads(text) == numbers
    assert {"points", "savings", "link", "sets", "comparison", "frozen", "interval"} <= set(numbers)
