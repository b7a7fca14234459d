# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from tests.tools.campaign_report.stores import Law, make_store


@pytest.fixture(scope="session")
def campaign(tmp_path_factory):
    """The digital codec loses everything at 4 dB and nothing at 10 dB."""
    folder = tmp_path_factory.mktemp("campaign")
    rates = ("1/192", "1/96", "1/48", "1/24")
    return make_store(folder / "here.sqlite", Law(cliff_db=6, rates=rates, spoken="<b>{:02}</b>"))
