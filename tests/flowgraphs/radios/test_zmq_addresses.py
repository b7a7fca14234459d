# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples between processes stay on this machine, at an address that the other process can know."""

import pytest

from percast.flowgraphs.radios.config import RadioConfig
from percast.flowgraphs.radios.local import open_zmq_source
from percast.settings import SettingError


@pytest.mark.parametrize(
    "address",
    ["tcp://0.0.0.0:5557", "tcp://192.0.2.1:5557", "tcp://example.org:5557", "tcp://*:5557",
     "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "tcp://127.0.0.1:70000",
     "tcp://127.0.0.1:5557/", "inproc://samples", "ipc://", "udp://127.0.0.1:5557", "5557"],
)  # fmt: skip
def test_an_address_that_others_could_reach_or_nobody_could_know_is_refused(address):
    with pytest.raises(SettingError, match="give tcp://127.0.0.1:PORT or ipc://PATH"):
        open_zmq_source(RadioConfig("zmq", args=address))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:5557", "tcp://localhost:1", "ipc://PATH"])
def test_one_of_this_machine_is_taken(address, tmp_path):
    open_zmq_source(
        RadioConfig("zmq", args=address.replace("PATH", str(tmp_path / "samples")))
    ).close()
