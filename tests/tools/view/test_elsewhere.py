# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast view --connect`: the page of a receiver in another process; and Deque's axe-core, which
finds no serious fault on it nor on that of a link here."""

import hashlib
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
client = pytest.importorskip("websockets.sync.client")

from percast.errors import UsageError
from percast.tools.cli import build_parser
from percast.tools.view.remote.config import ConnectConfig
from tests.tools.view.links import Link, Viewer, free_port, loopback, running
from tests.tools.view.test_page import visited
from tests.tools.view.test_server import pixels, wait_for

AXE = Path(__file__).parent / "axe" / "axe.min.js"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
LOOKS = [("--view", "dark", WIDE), ("--view", "light", PHONE),
         ("--connect", "light", WIDE), ("--connect", "dark", PHONE)]  # fmt: skip

pytestmark = pytest.mark.timeout(240)


def quiet(photos) -> tuple:
    """A loopback that leaves the cores to the browser."""
    return (*loopback(photos), "--fps", 4)


@pytest.fixture(scope="module")
def pages(photos):
    """A link with a page that is published, too, and the page of a viewer of it."""
    published = f"zmq:tcp://127.0.0.1:{free_port()}"
    control = f"tcp://127.0.0.1:{free_port()}"
    with (
        running(*quiet(photos), "--out", published, "--control", control) as here,
        running("view", "--connect", published, "--port", 0, kind=Viewer) as elsewhere,
    ):
        yield {"--view": here, "--connect": elsewhere, "publishes": published, "control": control}


@pytest.fixture(scope="module")
def backs() -> dict[str, str]:
    """Background by colour scheme."""
    return {}


def test_what_is_vendored_is_what_its_note_says():
    (told,) = re.findall(r"\b[0-9a-f]{64}\b", (AXE.parent / "README.md").read_text())
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == told


@pytest.mark.parametrize(("how", "scheme", "size"), LOOKS)
def test_axe_finds_no_serious_fault(browser, pages: dict[str, Link], backs, how, scheme, size):
    with visited(
        browser, pages[how].address, color_scheme=scheme, viewport=size, bypass_csp=True
    ) as page:
        page.wait_for_function("() => document.querySelectorAll('#film li').length > 2")
        page.wait_for_function("() => document.querySelector('tr[data-verdict=good]')")
        backs[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        page.evaluate(AXE.read_text())
        found = page.evaluate("async () => (await axe.run(document)).violations")
        assert page.complaints == []
    serious = [
        f"{fault['id']}: {fault['help']}: {[node['html'][:120] for node in fault['nodes']]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert not serious, "\n".join(serious)
    assert len(set(backs.values())) == len(backs)  # light and dark are two


def test_pictures_figures_and_the_air_come_from_there(pages):
    there = pages["--view"].figures()["stats"]["receiver"]
    with client.connect(pages["--connect"].address.replace("http", "ws") + "ws") as ws:
        head, parts = wait_for(ws, "picture")
        air, _ = wait_for(ws, "air")
        spectrum, _ = wait_for(ws, "spectrum")
        # They are told once a second: the first ones may be older than what was read there.
        figures, _ = wait_for(
            ws, "figures",
            lambda told: told["stats"]
            and told["stats"]["receiver"]["images"]["decoded"] >= there["images"]["decoded"],
        )  # fmt: skip
        ws.send(json.dumps({"do": "realism", "value": 0.5}))
        error, _ = wait_for(ws, "error")
    assert pixels(parts[0]).shape == (128, 128, 3) and head["psnr_db"] > 18
    assert len(air["carriers"]) == len(air["snr_db"]) == 200 and len(spectrum["power_db"]) == 256
    assert figures["gone"] is None and figures["source"].startswith("loopback")
    assert figures["stats"]["receiver"]["images"]["decoded"] >= there["images"]["decoded"]
    assert figures["stats"]["receiver"]["codec"] == there["codec"] | {"codec_faults": {}}
    assert "symbols stay at the receiver" in error["error"]
    status, png = pages["--connect"].call("/api/picture.png")
    assert status == 200 and pixels(png).shape == (128, 128, 3)


def test_with_its_control_socket_the_page_acts_on_the_far_link(pages):
    more = "--connect", pages["publishes"], "--control", pages["control"], "--port", 0
    with running("view", *more, kind=Viewer) as viewer:
        with client.connect(viewer.address.replace("http", "ws") + "ws") as ws:
            wait_for(ws, "settings", lambda told: told["verbs"]["snr"]["now"] == 10)
            assert json.loads(viewer.call("/api/snr", {"value": 25})[1])["now"] == 25
            wait_for(ws, "settings", lambda told: told["verbs"]["snr"]["now"] == 25)
            wait_for(ws, "picture", lambda head: head["snr_db"] > 20)
            ws.send(json.dumps({"do": "pause", "value": True}))  # this page's own
            wait_for(ws, "settings", lambda told: told["verbs"]["pause"]["now"])
            status, answer = viewer.call("/api/freq", {"value": 2.4e9})
            assert status == 409 and "radio" in json.loads(answer)["error"]
        with client.connect(f"ws://127.0.0.1:{pages['--view'].port}/ws") as ws:
            told, _ = wait_for(ws, "settings")
            assert told["verbs"]["snr"]["now"] == 25 and told["verbs"]["pause"]["now"] is False
        assert viewer.call("/api/snr", {"value": 10})[0] == 200


def test_what_cannot_be_had_is_shown_with_the_reason(browser, pages):
    with visited(browser, pages["--connect"].address) as page:
        page.wait_for_function(
            "() => document.body.innerText.includes('the symbols stay at the receiver')"
        )
        assert page.locator("#realism").is_disabled()
        assert page.locator("#pause").is_enabled() and page.locator("#save").is_enabled()
        assert page.complaints == []


def test_a_restart_of_that_receiver_is_survived_and_its_absence_said(browser, photos):
    published = f"zmq:tcp://127.0.0.1:{free_port()}"
    says = "text => document.getElementById('state').textContent.includes(text)"
    with running("view", "--connect", published, "--port", 0, kind=Viewer) as viewer:
        first = Link(*quiet(photos), "--out", published)
        try:
            with visited(browser, viewer.address) as page:
                page.wait_for_function(says, arg="live")
                first.process.kill()
                first.process.wait()
                page.wait_for_function(says, arg="gone")
                shown = page.get_attribute("#received", "src")
                with running(*quiet(photos), "--out", published):
                    page.wait_for_function(says, arg="live", timeout=60000)
                    page.wait_for_function(
                        "src => document.getElementById('received').src !== src", arg=shown
                    )
                assert page.complaints == []
        finally:
            first.process.kill()
            first.process.wait()
        viewer.process.terminate()
        assert viewer.process.wait(20) == 130
    assert not any("Traceback" in line for line in viewer.lines), "".join(viewer.lines)


def test_a_viewer_needs_no_gnu_radio(percast, tmp_path):
    """It runs on the laptop beside, which has a browser and pip."""
    (tmp_path / "gnuradio.py").write_text("raise ImportError('none here')")
    taken = free_port()
    with running("view", "--connect", "zmq:tcp://127.0.0.1:9", "--port", taken, kind=Viewer):
        run = percast(
            "view", "--connect", "zmq:tcp://127.0.0.1:9", "--port", taken, PYTHONPATH=str(tmp_path)
        )
    assert run.code == 2 and "choose another --port" in run.complaint


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["tcp://127.0.0.1:9"], "zmq:tcp://HOST:PORT"),
        (["zmq:udp://127.0.0.1:9"], "zmq:tcp://HOST:PORT"),
        (["zmq:tcp://127.0.0.1:9", "--host", "example.org"], "--host"),
        (["zmq:tcp://127.0.0.1:9", "--zmq-client", "laptop"], "--zmq-client"),
        (["zmq:tcp://127.0.0.1:9", "--control", "tcp://192.0.2.1:5560"], "--control"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_flag(flags, named):
    parser = build_parser(["view"])
    with pytest.raises(UsageError, match=named):
        ConnectConfig.from_args(parser.parse_args(["view", "--connect", *flags]))
