# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked before the first trial, and the other question."""

import pytest

pytest.importorskip("uvicorn")

from percast.tools.study.answers import Answers
from tests.tools.study.browsing import PHONE, READY, look, visiting
from tests.tools.study.studies import make_study, served

pytestmark = pytest.mark.timeout(240)


def test_screen_and_questions_are_kept_and_which_looks_better_has_no_original(
    browser, small_photos, tmp_path
):
    folder = make_study(
        small_photos, tmp_path, side=64, question="better", without_original=True,
        asks=("Your age?", "Glasses?"),
    )  # fmt: skip
    with served(folder.path) as server, visiting(browser, **PHONE) as visitor:
        page = visitor.new_page()
        page.goto(server.invitation)
        page.wait_for_selector("#welcome:not([hidden])")
        assert page.locator("#ramp i").count() == 16
        for field, text in zip(page.locator("#asks input").all(), ("44", "no"), strict=True):
            field.fill(text)
        page.select_option("#steps", "15")
        page.fill("#card", "200")
        assert page.evaluate("document.getElementById('bar').getBoundingClientRect().width") == 200
        page.check("#agree")
        page.click("#begin")
        page.wait_for_selector(READY)
        assert "looks better" in page.inner_text("#trial header")
        look(page)
        assert not page.is_visible("#original")
        ratio = page.evaluate("devicePixelRatio")
    with Answers.open(folder) as answers:
        (observer,) = answers.observers()
    assert observer["asked"] == ["44", "no"]
    assert observer["display"]["steps"] == 15
    # 200 CSS pixels are as long as the short side of a card (ISO/IEC 7810 ID-1).
    assert observer["display"]["pixel_mm"] == pytest.approx(53.98 / (200 * ratio), rel=1e-3)
