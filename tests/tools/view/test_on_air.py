# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a receiver with a radio; see `tests/flowgraphs/test_over_the_air.py`."""

import json
import re
import urllib.error
import urllib.request

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
    tune(port)
    ends.wait_for_more(receiver)
    interrupt(sender)
    assert interrupt(receiver)["decoded"] >= 5


def tune(port: str) -> None:
    """Gain and frequency of the receiver, by its page."""
    told = call(port, "verbs")
    assert told["gain"]["parts"]["LNA"] == [0, 40]
    assert told["source"]["missing"] and told["channel"]["missing"]
    before = told["gain"]["now"]
    took = call(port, "gain", {"LNA": 24})["now"]
    assert took == before | {"LNA": 24}
    assert call(port, "freq", "2.40002G")["now"] == 2.40002e9
    for verb, value in (("gain", {"XYZ": 3}), ("gain", {"LNA": 1000}), ("freq", 9e11)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            call(port, verb, value)
        assert caught.value.code == 409, verb
    told = call(port, "verbs")
    assert told["freq"]["now"] == 2.40002e9 and told["gain"]["now"]["LNA"] == 24
    took = call(port, "figures")["stats"]["radio"]["took"]
    assert took["freq"] == 2.40002e9 and took["gain"]["LNA"] == 24


def call(port: str, path: str, value=None) -> dict:
    data = None if value is None else json.dumps({"value": value}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{path}", data, 30) as answer:
        return json.loads(answer.read())


def text(ws) -> str:
    """The next message that is no picture."""
    while isinstance(data := ws.recv(timeout=60), bytes):
        pass
    return data
