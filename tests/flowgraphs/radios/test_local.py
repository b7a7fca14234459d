# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples between processes of one machine."""

import pytest

from percast.errors import UsageError
from percast.flowgraphs.radios.config import RadioConfig
from percast.flowgraphs.radios.local import open_zmq_sink


def test_samples_are_sent_from_no_file_and_no_address_of_another_sender(tmp_path):
    def config(name: str) -> RadioConfig:
        return RadioConfig(device="zmq", args=f"ipc://{tmp_path}/{name}")

    first = open_zmq_sink(config("iq"))
    with pytest.raises(UsageError, match="args .*listens there already; choose another"):
        open_zmq_sink(config("iq"))
    first.close()
    (tmp_path / "six.cf32").write_bytes(bytes(48))
    with pytest.raises(UsageError, match="args .*a file lies there; choose another"):
        open_zmq_sink(config("six.cf32"))
    assert (tmp_path / "six.cf32").stat().st_size == 48
