# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a receiver with a radio; see `tests/flowgraphs/test_over_the_air.py`."""

import json
import re

import pytest

pytest.importorskip("uvicorn")
client = pytest.importorskip("websockets.sync.client")

from tests.flowgraphs.test_over_the_air import ends, ends_at, interrupt  # noqa: F401 - fixtures
from tests.standins.boards import air, launch, library, need  # noqa: F401 - fixtures

pytestmark = pytest.mark.timeout(240)


def test_a_radios_level_and_pictures_are_shown(ends):  # noqa: F811
    need("hackrf")
    receiver = ends.receive("hackrf", "--view", "--view-port", 0)
    sender = ends.send("hackrf", "--frames", 0, "--fps", 5)
    ends.wait_for_more(receiver)
    port = re.search(r"^view: http://127.0.0.1:(\d+)/", receiver.err, re.MULTILINE)[1]
    shown, figures, settings = 0, None, None
    with client.connect(f"ws://127.0.0.1:{port}/ws", max_size=1 << 22) as ws:
        while shown < 3 or figures is None:
            data = ws.recv(timeout=60)
            if isinstance(data, bytes):
                shown += 1
                continue
            head = json.loads(data)
            figures = head if head["type"] == "figures" else figures
            settings = head if head["type"] == "settings" else settings
        ws.send('{"do": "snr", "value": 3}')
        while (head := json.loads(text(ws)))["type"] != "error":
            pass
        assert "loopback" in head["error"]
    assert -60 < figures["stats"]["radio"]["level"]["loudest_dbfs"] < 0
    assert "hackrf" in figures["source"]
    assert "loopback" in settings["verbs"]["snr"]["missing"]
    interrupt(sender)
    assert interrupt(receiver)["decoded"] >= 5


def text(ws) -> str:
    """The next message that is no picture."""
    while isinstance(data := ws.recv(timeout=60), bytes):
        pass
    return data
