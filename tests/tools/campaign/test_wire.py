# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions from a coordinator to an end, with and without keys; and calibration."""

import shutil
import threading

import pytest
import zmq
import zmq.auth

from percast.blocks.images.zmq_keys import create_keys
from percast.errors import FileError, LinkError, UsageError
from percast.tools.campaign.air.calibrate import calibrate
from percast.tools.campaign.air.wire import (
    Client,
    Server,
    Silent,
)
from percast.tools.campaign.sections import AirSection


@pytest.fixture
def serve():
    """Starts servers that give back what they are asked; their addresses."""
    ended, running = threading.Event(), []

    def start(address: str, keys: str | None = None) -> str:
        server = Server(address, keys)

        def answer(asked, frames):
            return {"asked": asked, "size": 1 / asked["n"]}, list(frames)

        thread = threading.Thread(target=server.serve, args=(answer, ended.is_set))
        thread.start()
        running.append((server, thread))
        return server.address

    yield start
    ended.set()
    for server, thread in running:
        thread.join()
        server.close()


@pytest.fixture
def ask():
    """Asks one question of an address."""
    clients = []

    def one(address: str, keys: str | None = None, n: int = 2, timeout: float = 10.0):
        clients.append(Client(address, keys))
        return clients[-1].ask({"do": "x", "n": n}, [b"abc"], timeout)

    yield one
    for client in clients:
        client.close()


def test_an_answer_comes_with_its_bytes_and_mistakes_are_told(serve, ask, tmp_path):
    address = serve(f"ipc://{tmp_path}/end")
    told, frames = ask(address)
    assert told["asked"] == {"do": "x", "n": 2} and frames == [b"abc"]
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        ask(address, n=0)
    assert ask(address)[0]["ok"], "it goes on after a mistake"


def test_an_end_does_not_take_the_address_of_another_nor_a_file(serve, ask, tmp_path):
    address = serve(f"ipc://{tmp_path}/end")
    with pytest.raises(UsageError, match="--control .*listens there already"):
        Server(address, None)
    assert ask(address)[0]["ok"]
    (tmp_path / "results.csv").write_text("1,2")
    with pytest.raises(UsageError, match="--control .*a file lies there"):
        Server(f"ipc://{tmp_path}/results.csv", None)
    assert (tmp_path / "results.csv").read_text() == "1,2"


def test_only_a_coordinator_with_keys_is_answered(serve, ask, tmp_path):
    """On an address that other machines reach; without keys it is not even opened there."""
    pytest.importorskip("zmq")
    server, ours, strangers = (tmp_path / name for name in ("server", "ours", "strangers"))
    create_keys(server, ["me"])
    create_keys(strangers, ["thief"])
    for folder, name in ((ours, "me"), (tmp_path / "theirs", "thief")):
        folder.mkdir()
        shutil.copy(server / "server.key", folder)
        source = server if name == "me" else strangers
        shutil.copy(source / f"{name}.key_secret", folder)
    with pytest.raises(UsageError, match="other machines could reach"):
        Server("tcp://0.0.0.0:0", None)
    address = serve("tcp://0.0.0.0:*", str(server)).replace("0.0.0.0", "127.0.0.1")
    assert ask(address, str(ours))[0]["ok"]
    for keys in (None, str(tmp_path / "theirs")):
        with pytest.raises(Silent):
            ask(address, keys, timeout=0.5)


def test_keys_of_two_coordinators_or_damaged_ones_are_told_at_once(tmp_path):
    create_keys(tmp_path, ["anna", "ben"])
    with pytest.raises(UsageError, match="keys of anna, ben: leave one"):
        Client("tcp://192.0.2.1:5560", str(tmp_path))
    (tmp_path / "ben.key_secret").unlink()
    Client("tcp://192.0.2.1:5560", str(tmp_path)).close()
    pair = tmp_path / "anna.key_secret"
    public, secret = zmq.curve_keypair()[0], zmq.auth.load_certificate(pair)[1]
    pair.write_text(f'curve\n    public-key = "{public.decode()}"\n'
                    f'    secret-key = "{secret.decode()}"\n')  # fmt: skip
    with pytest.raises(FileError, match=r"anna.key_secret is damaged"):
        Client("tcp://192.0.2.1:5560", str(tmp_path))


def radio(snr_at_zero: float, most: float = 30.0):
    """A radio whose SNR follows its gain decibel by decibel, up to what its converter gives."""
    return lambda gain: snr if (snr := min(snr_at_zero + gain, most)) > -3 else None


AIR = AirSection(gain_least=0, gain_first=20, gain_most=47)


@pytest.mark.parametrize("snr_at_zero", [-25.3, -5.0, 3.9])
def test_a_gain_is_found_for_every_snr(snr_at_zero):
    found = calibrate([5, 12, 20], AIR, radio(snr_at_zero))
    for wanted, (gain, measured) in found.items():
        assert abs(measured - wanted) <= AIR.tolerance and gain == round(gain)


@pytest.mark.parametrize(("wanted", "at_zero"), [(40, 0), (5, 10), (5, -80)])
def test_an_snr_that_no_gain_gives_is_said(wanted, at_zero):
    with pytest.raises(LinkError, match=f"calibration for {wanted} dB"):
        calibrate([wanted], AIR, radio(at_zero))
