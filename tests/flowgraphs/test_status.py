# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast tune --status` of both ends while they run; see `test_over_the_air`."""

import pytest

from tests.flowgraphs.test_over_the_air import ends, ends_at, interrupt  # noqa: F401 - fixtures
from tests.standins.boards import need

pytestmark = pytest.mark.timeout(240)


def test_both_ends_tell_how_they_do_while_they_run(ends, percast, tmp_path):  # noqa: F811
    need("hackrf")

    def ask(end: str) -> dict:
        done = percast("tune", "--control", f"ipc://{tmp_path}/{end}", "--status")
        assert done.code == 0, done.err
        return done.json

    receiver = ends.receive("hackrf", "--control", f"ipc://{tmp_path}/rx")
    sender = ends.send("hackrf", "--control", f"ipc://{tmp_path}/tx", "--frames", 0, "--fps", 5)
    ends.wait_for_more(receiver)
    sent, received = ask("tx"), ask("rx")
    assert sent["images"]["sent"] >= 5 and sent["radio"]["level"] is None
    assert sent["radio"]["took"]["gain"] == {"AMP": 0, "VGA": 30}
    assert received["images"]["decoded"] >= 5 and received["sync"]["packets"] >= 5
    assert received["link"]["snr_db_measured"] == pytest.approx(25, abs=3)
    assert received["radio"]["asked"]["freq"] == 2.4e9
    assert -60 < received["radio"]["level"]["loudest_dbfs"] < 0
    assert received["waveform"] == sent["waveform"] and received["codec"]["model"] == "base"

    ends.wait_for_more(receiver)
    assert ask("rx")["images"]["decoded"] > received["images"]["decoded"]
    assert interrupt(sender)["session"] == sent["images"]["session"]
    assert interrupt(receiver)["decoded"] >= 10
