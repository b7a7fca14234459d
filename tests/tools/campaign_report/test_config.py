# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest

from percast.tools.campaign_report.config import ReportConfig


@pytest.mark.parametrize(
    "asked, name",
    [
        ({}, "2.paper.html"),
        ({"decode": 1}, "2.paper-decode1.html"),
        ({"against": Path("old/1.paper.sqlite")}, "2.paper-against-1.paper.html"),
        ({"against": Path("o.sqlite"), "decode": 12}, "2.paper-decode12-against-o.html"),
        ({"decode": 1, "out": Path("camp/mine")}, "mine"),
    ],
)
def test_no_report_of_a_store_takes_the_place_of_another(asked, name):
    assert ReportConfig(**asked).page_beside(Path("camp/2.paper.sqlite")) == Path("camp", name)
