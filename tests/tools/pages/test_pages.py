# SPDX-License-Identifier: GPL-3.0-or-later
import base64
import csv
import hashlib
import io
import re
import shutil
import xml.etree.ElementTree as xml
from html import unescape
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from percast.errors import FileError
from percast.tools.pages import (
    Axis,
    Comparison,
    Facts,
    Figure,
    Folded,
    Layer,
    Page,
    Panel,
    Point,
    Prose,
    Section,
    Series,
    Table,
    render,
    write_page,
)
from percast.tools.pages.scales import scale

EVIL = '<script>alert("x")</script> & "quoted"'


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 12, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def figure(name="lpips", note="here") -> Figure:
    points = [Point(x, 1 / x, 0.9 / x, 1.1 / x, x > 2, note) for x in (1.0, 2.0, 3.0)]
    curves = [Series("percast", 0, points), Series("hevc", 1, points[:2], dashed=True)]
    panels = [Panel(f"SNR {snr} dB", Axis("rate"), Axis("LPIPS"), curves) for snr in (4, 10)]
    return Figure(name, "LPIPS", panels, ("x", "y"), [(p.x, p.y) for p in points], source="cell 7")


def page(*blocks) -> str:
    return render(Page("Report", "of a test", [Section("one", "One", blocks)]))


def test_a_page_allows_itself_nothing_from_elsewhere_and_only_its_own_script_and_style():
    text = page(figure(), Comparison("a", 12, 8, [Layer("x", png()), Layer("y", png())]))
    policy = unescape(re.search(r'Security-Policy" content="([^"]+)"', text)[1])
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert addresses and all(a.startswith(("data:", "#")) for a in addresses)
    assert not re.search(
        r"\son\w+=|\sstyle=", text.replace(re.search(r"<style>.*?</style>", text, re.DOTALL)[0], "")
    )


def test_what_a_campaign_says_is_text_and_never_markup():
    parts = [
        Prose(EVIL), Facts({EVIL: EVIL}), Facts({EVIL: (EVIL, EVIL)}, large=True),
        Table(EVIL, (EVIL, "b"), [(EVIL, EVIL)], name="t", source=EVIL),
        Folded(EVIL, [Prose(EVIL)]), Comparison(EVIL, 12, 8, [Layer(EVIL, png(), EVIL)]),
        figure(note=EVIL),
    ]  # fmt: skip
    assert "<script>alert" not in page(*parts)
    assert "<script>alert" not in figure(note=EVIL).svg()


def test_a_figure_comes_with_its_numbers_and_as_a_file_that_other_programs_draw():
    text = page(figure())
    (numbers,) = re.findall(r'href="data:text/csv;charset=utf-8,([^"]+)"', text)
    rows = list(csv.reader(io.StringIO(unquote(numbers))))
    assert rows[0] == ["x", "y"] and rows[1] == ["1.0", "1.0"] and len(rows) == 4
    (drawn,) = re.findall(r'href="data:image/svg\+xml;charset=utf-8,([^"]+)"', text)
    root = xml.fromstring(unquote(drawn))
    assert root.tag.endswith("svg") and "var(" not in unquote(drawn)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"percast", "hevc", "SNR 4 dB", "SNR 10 dB", "LPIPS", "rate"} <= set(texts)
    assert "cell 7" in root.find("{http://www.w3.org/2000/svg}title").text


def test_panels_share_a_scale_so_that_they_can_be_compared():
    small, large = (
        Panel("", Axis("x"), Axis("y"), [Series("a", 0, [Point(1, v), Point(2, 2 * v)])])
        for v in (1.0, 100.0)
    )
    shared = Figure("f", "F", [small, large], (), [])
    assert str(small.draw()) != str(shared._drawn()[0])
    ticks = [re.findall(r'class="tick end"[^>]*>([^<]+)', str(one)) for one in shared._drawn()]
    assert ticks[0] == ticks[1]


@pytest.mark.parametrize("values", [(0.1, 0.3), (-5, 30), (26, 26), (1e-6, 2e-6), ()])
def test_every_scale_holds_its_values_and_has_some_ticks(values):
    made = scale(values)
    assert all(0 <= made.place(v) <= 1 for v in values)
    assert 2 <= len(made.ticks) <= 12
    assert len(set(made.ticks.values())) == len(made.ticks)  # labels differ


def test_a_logarithmic_scale_has_equal_ratios_equally_far_apart():
    made = scale([1 / 96, 1 / 24], log=True, ticks={1 / 96: "1/96", 1 / 48: "1/48", 1 / 24: "1/24"})
    low, middle, high = (made.place(v) for v in made.ticks)
    assert high - middle == pytest.approx(middle - low)
    assert list(made.ticks.values()) == ["1/96", "1/48", "1/24"]


def test_a_page_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(FileError, match="there"):
        write_page(tmp_path / "there", Page("t", "l", []))
    with pytest.raises(FileError, match="cannot write"):
        write_page(tmp_path / "nowhere" / "page.html", Page("t", "l", []))
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_banner_is_on_the_page_and_on_every_sheet_of_paper_with_room_of_its_own(tmp_path):
    banner = "Simulated observers"
    lines = [f"Line {number}." for number in range(200)]
    page = Page("Study", "of nobody", [Section("one", "One", [Prose(lines)])], banner=banner)
    assert f'class="banner" role="note">{banner}' in render(page)
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    pdfium = pytest.importorskip("pypdfium2", reason="pip install pypdfium2")
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("no chromium: apt-get install chromium")
    write_page(tmp_path / "page.html", page)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        sheet = browser.new_page()
        sheet.goto((tmp_path / "page.html").as_uri())
        sheet.pdf(path=tmp_path / "page.pdf")
        browser.close()
    document = pdfium.PdfDocument(tmp_path / "page.pdf")
    assert len(document) > 3
    printed = []
    for sheet in document:
        text = sheet.get_textpage()
        signs = [
            (text.get_text_range(i, 1), text.get_charbox(i)) for i in range(text.count_chars())
        ]
        signs = [(sign, box) for sign, box in signs if sign.strip()]
        whole, wanted = "".join(sign for sign, _ in signs), banner.replace(" ", "")
        assert whole.count(wanted) == 1
        begins = whole.index(wanted)
        floor = min(bottom for _, (_, bottom, _, _) in signs[begins : begins + len(wanted)])
        for found in re.finditer(r"Line(\d+)\.", whole):
            printed.append(f"Line {found[1]}.")
            assert signs[found.start()][1][3] < floor  # the top of its L
        text.close()
        sheet.close()
    document.close()
    assert printed == lines
