# SPDX-License-Identifier: GPL-3.0-or-later
"""`--control` and `percast tune`."""

import contextlib
import json
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from socket import create_server
from types import SimpleNamespace

import pytest
import zmq

from percast.errors import DeviceError, UsageError
from percast.settings import NOTHING
from percast.tools import process
from percast.tools.cli import build_parser
from percast.tools.control import ControlServer
from percast.tools.controls.desk import Desk
from percast.tools.controls.link import Link
from percast.tools.controls.table import VERBS, Asked, parse, to_json, values
from percast.tools.verbs import tune


@pytest.fixture
def address(tmp_path) -> str:
    return f"ipc://{tmp_path}/control"


@pytest.fixture
def server(address):
    """A server whose radio takes everything but 1 Hz, and breaks at 2 Hz."""
    server = ControlServer(address)
    server.desk = desk_with(station := Station())
    server.tuned = station.tuned
    yield server
    server.close()


class Station:
    """What verbs need of a radio's station."""

    gains = {"LNA": (0, 40), "VGA": (0, 62)}

    def __init__(self):
        self.tuned, self.took = [], {"freq": 1e9, "gain": {"LNA": 16, "VGA": 20}}

    def tune(self, freq=None, gain=None):
        if freq == 1:
            raise DeviceError("not so low")
        if freq == 2:
            raise ZeroDivisionError
        self.tuned.append(freq if gain is None else gain)
        self.took = self.took | ({"freq": freq} if gain is None else {"gain": gain})


@dataclass
class Figures:
    sent: int = 3


def desk_with(station) -> Desk:
    return Desk(Link(Figures, station=station))


def talk(address: str, *frames: bytes) -> dict:
    with zmq.Context.instance().socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(address)
        socket.send_multipart(frames)
        assert socket.poll(5000)
        return json.loads(socket.recv())


def test_tune_prints_what_the_radio_took(percast, server, address):
    run = percast("tune", "--control", address, "--freq", "2.42G", "--gain", "VGA=20", "--json")
    assert run.code == 0, run.err
    assert run.json == {"ok": True, "took": {"freq": 2.42e9, "gain": {"VGA": 20.0}}}
    assert server.tuned == [2.42e9, {"VGA": 20.0}]


def test_a_refusal_is_exit_3_with_the_radios_reason(percast, server, address):
    run = percast("tune", "--control", address, "--freq", "1")
    assert run.code == 3 and run.complaint == "percast: not so low"


def test_tune_wants_something_to_do(percast, address):
    run = percast("tune", "--control", address)
    assert run.code == 2 and "--freq" in run.complaint


def test_status_prints_the_tree_once_there_is_one(percast, server, address):
    desk, server.desk = server.desk, None
    run = percast("tune", "--control", address, "--status")
    assert run.code == 3 and "ask again" in run.complaint
    server.desk = desk
    run = percast("tune", "--control", address, "--status")
    assert run.code == 0 and run.json == {"sent": 3}
    assert server.tuned == [] and server.malformed == 0


def test_verbs_tells_what_there_is_and_why_the_rest_is_not(percast, server, address):
    run = percast("tune", "--control", address, "--verbs")
    assert run.code == 0, run.err
    told = dict(line.split(maxsplit=1) for line in run.out.splitlines())
    assert set(told) == set(VERBS)
    assert told["freq"] == "1000000000.0" and "loopback" in told["snr"]
    run = percast("tune", "--control", address, "--snr", "3")
    assert run.code == 3 and "loopback" in run.complaint


def test_several_verbs_are_refused_together_before_any_is_done(server, address):
    answer = talk(address, b'{"freq": 5, "snr": 3}')
    assert "loopback" in answer["error"] and server.tuned == []


def test_status_changes_nothing(percast, server, address):
    run = percast("tune", "--control", address, "--status", "--freq", "2.42G")
    assert run.code == 2 and "--status" in run.complaint and server.tuned == []
    assert not talk(address, b'{"status": true, "freq": 5}')["ok"]
    assert not talk(address, b'{"status": false}')["ok"]
    assert server.malformed == 2 and server.tuned == []


@pytest.mark.parametrize(
    "frames",
    [
        (b"",),
        (b"\xff\x00",),
        (b"[1]",),
        (b"{}",),
        (b'{"freq": "much"}',),
        (b'{"freq": NaN}',),
        (b'{"freq": -5}',),
        (b'{"freq": true}',),
        (b'{"gain": {}}',),
        (b'{"gain": [1]}',),
        (b'{"gain": "LNA="}',),
        (b'{"freq": 1e9, "exec": "rm"}',),
        (b'{"freq": null}',),
        (b'{"snr": 1000}',),
        (b'{"channel": "wire"}',),
        (b'{"record": "on"}',),
        (b'{"engine": 5}',),
        (b'{"save": 1e9}',),
        (b'{"cbr": "1/0"}',),
        (b'{"gain": {"LNA": NaN}}',),
        (b"[" * 4000,),
        (b"{}", b"{}"),
    ],
)
def test_malformed_requests_are_answered_counted_and_change_nothing(server, address, frames):
    answer = talk(address, *frames)
    assert answer["ok"] is False and answer["error"]
    assert server.malformed == 1 and server.tuned == []
    assert talk(address, b'{"freq": 5}')["ok"]


def test_a_radio_that_breaks_is_an_answer_and_not_the_end(server, address):
    assert "ZeroDivisionError" in talk(address, b'{"freq": 2}')["error"]
    assert talk(address, b'{"freq": 5, "gain": {"LNA": 8}}')["ok"]
    assert server.tuned == [5.0, {"LNA": 8.0}]


@pytest.mark.parametrize(
    "address", ["tcp://0.0.0.0:5560", "tcp://*:5560", "udp://127.0.0.1:1", "x"]
)
def test_other_machines_are_kept_out(address):
    with pytest.raises(UsageError, match="127.0.0.1"):
        ControlServer(address)


def test_a_taken_address_is_told():
    with create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(UsageError, match="choose another"):
            ControlServer(f"tcp://127.0.0.1:{taken.getsockname()[1]}")


def test_texts_are_understood_as_on_the_command_line():
    assert parse({"freq": "2.4G", "gain": "LNA=8"}) == {"freq": 2.4e9, "gain": {"LNA": 8.0}}
    assert parse({"gain": 20, "snr": "none", "record": True}) == {
        "gain": 20.0, "snr": None, "record": True,
    }  # fmt: skip
    assert parse({"delay_spread": "100n", "cbr": "1/24", "realism": None}) == {
        "delay_spread": 1e-7, "cbr": Fraction(1, 24), "realism": None,
    }  # fmt: skip


def test_what_tune_is_told_arrives_as_it_was_told():
    asked = Asked(freq=2.4e9, gain={"LNA": 8.0}, snr=NOTHING, cbr=Fraction(1, 24), pause=True)
    assert parse(json.loads(json.dumps(to_json(values(asked))))) == values(asked)


class Hanging(Station):
    """Until it is released."""

    def __init__(self):
        super().__init__()
        self.entered, self.released = threading.Event(), threading.Event()

    def tune(self, freq=None, gain=None):
        self.entered.set()
        self.released.wait(60)
        super().tune(freq, gain)


@pytest.fixture
def hanging(monkeypatch):
    """A radio whose driver hangs; nothing that the end of its link does may outlive the test."""
    monkeypatch.setattr(process, "at_once", False)
    station = Hanging()
    yield station
    station.released.set()


@contextlib.contextmanager
def asked(address: str, request: bytes):
    """A client that has asked."""
    with zmq.Context.instance().socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(address)
        socket.send(request)
        yield socket


def test_a_slow_verb_holds_up_neither_questions_nor_verbs_of_other_groups(address, hanging):
    codec = SimpleNamespace(design_snr_db=10.0, cbr=Fraction(1, 48), rates=())
    sender = SimpleNamespace(encoder=SimpleNamespace(aim=vars(codec).update, codec=codec))
    server = ControlServer(address)
    server.desk = Desk(Link(Figures, station=hanging, transmitter=sender, page=True))
    try:
        with asked(address, b'{"freq": 2e9}') as slow:
            assert hanging.entered.wait(10)
            assert talk(address, b'{"status": true}') == {"ok": True, "status": {"sent": 3}}
            assert talk(address, b'{"verbs": true}')["verbs"]["freq"]["now"] == 1e9
            answer = talk(address, b'{"pause": true, "design_snr": 3}')
            assert answer == {"ok": True, "took": {"pause": True, "design_snr": 3}}
            assert not slow.poll(0)
            hanging.released.set()
            assert slow.poll(5000) and json.loads(slow.recv())["took"] == {"freq": 2e9}
    finally:
        server.close()


def test_who_waits_for_a_slow_verb_is_told_that_the_link_ends(address, hanging):
    server = ControlServer(address)
    server.desk = desk_with(hanging)
    with asked(address, b'{"freq": 2e9}') as slow:
        assert hanging.entered.wait(10)
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 10  # for no driver that hangs
        assert slow.poll(5000)
        assert json.loads(slow.recv()) == {"ok": False, "error": "freq: the link ends"}
    assert process.at_once


def test_a_second_link_does_not_take_the_address_of_the_first(server, address):
    with pytest.raises(UsageError, match="--control .*listens there already"):
        ControlServer(address)
    assert tell("--control", address, "--status") == 0


def test_a_file_is_no_place_to_listen_and_stays(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(UsageError, match="--control .*a file lies there"):
        ControlServer(f"ipc://{tmp_path}/thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "three years"


def test_saving_is_answered_by_what_was_saved_and_not_by_what_is_kept(server, address, capsys):
    """Fewer seconds than asked for, while the link is young."""
    path = Path("/heard/past.sigmf-meta")
    kept = SimpleNamespace(path=None, failure=None, ring=True, kept_seconds=5.0)
    kept.save = lambda seconds: (path, seconds - 0.5)
    server.desk = Desk(Link(Figures, recordings=kept))
    assert tell("--control", address, "--save", "2") == 0
    assert capsys.readouterr().out == f"save     1.5 ({path})\n"
    assert tell("--control", address, "--verbs") == 0
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert told["save"] == "5.0"


@pytest.mark.parametrize("asked", [("--status",), ("--verbs",), ("--gain", "3")])
def test_nobody_there_is_soon_told(tmp_path, monkeypatch, asked):
    monkeypatch.setattr(tune, "_TIMEOUT_MS", 100)
    began = time.monotonic()
    with pytest.raises(DeviceError, match="--control .*nobody answers") as told:  # exit code 3
        tell("--control", f"ipc://{tmp_path}/nobody", *asked)
    assert told.value.exit_code == 3 and time.monotonic() - began < 4


def test_tune_does_not_say_that_nobody_is_there_when_somebody_is_busy(
    address, monkeypatch, hanging
):
    monkeypatch.setattr(tune, "_PATIENT_MS", 200)
    server = ControlServer(address)
    server.desk = desk_with(hanging)
    try:
        with pytest.raises(DeviceError, match="--verbs"):
            tell("--control", address, "--freq", "2G")
    finally:
        server.close()


def tell(*argv: str) -> int:
    """`percast tune` in this process."""
    return tune.main(build_parser(["tune"]).parse_args(["tune", *argv]))
