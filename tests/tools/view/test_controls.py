# SPDX-License-Identifier: GPL-3.0-or-later
"""Every verb on a real loopback, by its HTTP call and by the control socket, and what it does
to the link."""

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("uvicorn")
client = pytest.importorskip("websockets.sync.client")

from percast.tools.controls.table import VERBS
from percast.tools.verbs import tune
from tests.tools.view.links import loopback, running

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("controls")


@pytest.fixture(scope="module")
def link(photos, folder):
    """One link for all; whatever is asked of it, it goes on and its result is whole."""
    more = ("--control", f"ipc://{folder}/control", "--keep-seconds", 1,
            "--recordings", folder / "heard")  # fmt: skip
    with running(*loopback(photos, *more)) as link:
        link.control = f"ipc://{folder}/control"
        yield link
        link.wait_for_more()
        code, summary = link.end()
    assert code == 130 and summary["received"] > 10
    # The packet that passes while another clock or fading is put in may be lost.
    assert summary["lost"] <= 10 and summary["undecodable"] == 0
    assert not any("Traceback" in line for line in link.lines), "".join(link.lines)


def call(link, verb: str, value) -> dict:
    status, answer = link.call(f"/api/{verb}", {"value": value})
    assert status == 200, answer
    return json.loads(answer)


def ask(link, request: dict) -> dict:
    return tune.ask(link.control, request, 60_000)


def refused(link, verb: str, value) -> tuple[int, str]:
    status, answer = link.call(f"/api/{verb}", {"value": value})
    return status, json.loads(answer)["error"]


def verbs(link) -> dict:
    return json.loads(link.call("/api/verbs")[1])


def wait_until(link, holds) -> None:
    """Until something holds of the figures."""
    end = time.monotonic() + 60
    while not holds(link.figures()["stats"]):
        assert time.monotonic() < end and link.process.poll() is None, "".join(link.lines)
        time.sleep(0.1)


def test_each_verb_tells_what_it_is_and_why_it_is_not_to_be_had(link):
    told = verbs(link)
    assert told.keys() == VERBS.keys()
    for name in ("freq", "gain"):
        assert "no radio" in told[name]["missing"] and told[name]["now"] is None
        assert refused(link, name, 20)[0] == 409
    assert all(
        verb["missing"] is None for name, verb in told.items() if name not in ("freq", "gain")
    )
    assert told["cbr"]["choices"][:2] == ["1/192", "1/96"]
    assert told["delay_spread"]["look"]["unit"] == "ns"
    assert {"Channel", "Sender", "Radio", "Engine", "Recording"} <= {
        v["group"] for v in told.values()
    }
    assert ask(link, {"verbs": True})["verbs"].keys() == told.keys()


def test_the_openapi_says_of_every_verb_what_the_table_says(link):
    paths = json.loads(link.call("/openapi.json")[1])["paths"]
    for name, verb in VERBS.items():
        body = paths[f"/api/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert body["properties"]["value"] == json.loads(json.dumps(verb.schema()))
        assert body["additionalProperties"] is False


def test_the_channel_becomes_another_one_and_the_receiver_measures_that(link):
    before = link.figures()["stats"]["receiver"]["images"]["decoded"]
    for verb, value in (("snr", 25), ("channel", "tdl-a"), ("doppler", 5), ("delay_spread", "30n"),
                        ("freq_offset", 20_000), ("clock_ppm", 20)):  # fmt: skip
        assert call(link, verb, value)["ok"]
    told = verbs(link)
    assert told["delay_spread"]["now"] == pytest.approx(30e-9) and told["channel"]["now"] == "tdl-a"
    assert "tdl-a" in link.figures()["source"]
    wait_until(link, lambda s: s["receiver"]["images"]["decoded"] > before + 5)
    heard = json.loads((recorded(link)).read_text())
    offsets = [note["percast:freq_offset_hz"] for note in heard["annotations"]]
    assert np.median(offsets) == pytest.approx(20_000, abs=300)
    assert "cyclic prefix" in call(link, "delay_spread", 5e-6)["hint"]
    took = ask(link, {"channel": "awgn", "freq_offset": 0, "clock_ppm": 0, "snr": 10})
    assert took == {
        "ok": True, "took": {"channel": "awgn", "freq_offset": 0, "clock_ppm": 0, "snr": 10},
    }  # fmt: skip


def recorded(link, pictures: int = 2) -> Path:
    """The metadata of a recording of the next pictures."""
    assert call(link, "record", True)["now"] is True
    link.wait_for_more(pictures)
    path = Path(call(link, "record", False)["hint"])
    assert verbs(link)["record"]["now"] is False
    return path


def test_a_recording_is_begun_ended_and_decoded_again(link, percast):
    path = recorded(link, 3)
    assert path.parent.name == "heard"
    again = percast("replay", path, "--metrics", "none", "--json")
    assert again.code == 0, again.err
    assert again.json["decoded"] >= 2 and again.json["samp_rate"] == 4e6


def test_two_recordings_at_once_are_refused(link):
    assert call(link, "record", True)["ok"]
    assert refused(link, "record", True)[0] == 409
    assert call(link, "record", False)["ok"]
    assert refused(link, "record", False) == (409, "nothing is being recorded")


def test_the_last_samples_are_saved_with_their_packets(link):
    link.wait_for_more(5)
    path = Path(call(link, "save", 0.05)["hint"])
    meta = json.loads(path.read_text())
    samples = path.with_name(path.name.replace("-meta", "-data")).stat().st_size / 8
    assert 0 < samples <= 0.05 * 4e6
    assert any(note["percast:crc_ok"] for note in meta["annotations"])
    assert all(0 <= note["core:sample_start"] < samples for note in meta["annotations"])


def test_the_transmitter_changes_its_rate_and_says_which_it_has(link):
    assert call(link, "cbr", "1/24")["now"] == "1/24"
    status, why = refused(link, "cbr", "1/7")
    assert status == 409 and "1/24" in why
    spent = link.figures()["stats"]["transmitter"]["rate"]["cbr"]
    wait_until(link, lambda s: s["transmitter"]["rate"]["cbr"] > 1.05 * spent)
    assert ask(link, {"cbr": "1/48", "design_snr": 12})["took"]["design_snr"] == 12


def test_another_source_is_sent_and_one_that_cannot_be_opened_is_not(link, photos, folder):
    (folder / "text.png").write_text("no picture")
    for wrong in ("/nowhere", "video:/nowhere.mp4", "camera:97", "zmq:tcp://0.0.0.0:1", "zmq:", "",
                  str(folder / "text.png")):  # fmt: skip
        assert refused(link, "source", wrong)[0] == 409, wrong
        assert verbs(link)["source"]["now"] == str(photos)
    link.wait_for_more(2)
    one = str(photos / "3.png")
    assert call(link, "source", one)["now"] == one
    link.wait_for_more(4)
    assert call(link, "source", str(photos))["ok"]
    link.wait_for_more(2)


def test_the_engine_is_exchanged_and_the_one_in_use_kept_where_that_fails(link):
    assert call(link, "engine", "onnxruntime")["hint"] == "in use: onnxruntime"
    assert refused(link, "precision", "bf16")[0] == 409
    codec = link.figures()["stats"]["receiver"]["codec"]
    assert (codec["engine"], codec["precision"]) == ("onnxruntime", "fp32")
    link.wait_for_more(2)
    assert ask(link, {"engine": "auto"})["hints"] == {"engine": "in use: openvino"}
    link.wait_for_more(2)


def test_the_control_socket_turns_the_pages_dial(link):
    assert ask(link, {"realism": 0.25, "pause": True})["ok"]
    told = verbs(link)
    assert told["realism"]["now"] == 0.25 and told["pause"]["now"] is True
    assert ask(link, {"realism": None, "pause": False})["took"] == {
        "realism": None, "pause": False,
    }  # fmt: skip


@pytest.mark.parametrize("name", VERBS)
def test_what_makes_no_sense_changes_nothing(link, name):
    before = verbs(link)[name]["now"]
    for value in ([], {}, [1, 2], {"a": {}}, "\x00", "x" * 500, float("nan"), -1e300):
        body = json.dumps({"value": value}).encode()
        status, answer = link.call(f"/api/{name}", body)
        assert status in (400, 409), (value, answer)
        assert len(answer) < 600
    assert verbs(link)[name]["now"] == before
    time.sleep(0.3)  # there is a bound on calls a second


def test_a_thousand_calls_in_a_second_leave_the_link_whole(link):
    """From four clients at once, of verbs that take their time."""
    asked = {"channel": ("awgn", "tdl-c"), "doppler": (1, 100), "delay_spread": (0, 1e-7),
             "freq_offset": (0, 5000)}  # fmt: skip
    before = sum(link.figures()["view"]["refused"].values())

    def flood(name: str, values: tuple) -> None:
        with client.connect(f"ws://127.0.0.1:{link.port}/ws", max_size=1 << 22) as ws:
            for number in range(250):
                ws.send(json.dumps({"do": name, "value": values[number % 2]}))
            end = time.monotonic() + 30
            while "too many calls" not in str(ws.recv(timeout=30)):
                assert time.monotonic() < end

    threads = [threading.Thread(target=flood, args=item) for item in asked.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    end = time.monotonic() + 30
    while sum(link.figures()["view"]["refused"].values()) < before + 500:
        assert time.monotonic() < end
        time.sleep(0.2)
    for name, (value, _) in asked.items():
        while (status := link.call(f"/api/{name}", {"value": value})[0]) in (409, 429):
            time.sleep(0.2)  # some of the flood still wait for their turn
        assert status == 200
    told = verbs(link)
    assert {name: told[name]["now"] for name in asked} == {n: v[0] for n, v in asked.items()}
    link.wait_for_more()
