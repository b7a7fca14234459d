# SPDX-License-Identifier: GPL-3.0-or-later
"""The radio factory: `--device` to a GNU Radio block of complex samples.

Here: recordings, and samples between processes of one machine over ZeroMQ.
"""

import contextlib
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from gnuradio import gr, zeromq

from percast.blocks.recording_sink import RecordingSink
from percast.blocks.recording_source import RecordingSource
from percast.blocks.recordings import RecordingWriter, open_recording
from percast.errors import UsageError

DEVICES = ("file", "zmq")
_ZMQ_TIMEOUT = 100  # ms that a block waits for samples before GNU Radio may stop it
_ZMQ_LINGER = 0.5  # s
_ZMQ_DEFAULT = "tcp://127.0.0.1:5557"


@dataclass(frozen=True)
class RadioConfig:
    """What `--device` and its options say.

    Args:
        device: one of `DEVICES`.
        args: file: the path; zmq: the address, which the transmitter binds.
        samp_rate: samples/s.
        freq: carrier in Hz, None where there is none.
    """

    device: str
    args: str
    samp_rate: float
    freq: float | None = None


@dataclass(frozen=True)
class Radio:
    """An open device.

    Args:
        block: source or sink of complex samples.
        took: what the device took where that may differ from what was asked.
        live: samples come when they come and cannot be held back.
        close: to be called when the graph has stopped.
    """

    block: gr.basic_block
    took: dict
    live: bool
    close: Callable[[], None] = lambda: None


def open_source(config: RadioConfig) -> Radio:
    """A receiving device.

    Raises:
        UsageError: wrong options.
        FileError: no such recording, or one that makes no sense.
    """
    if config.device == "file":
        recording = open_recording(_path(config))
        took = {"samp_rate": recording.samp_rate, "freq": recording.freq}
        return Radio(RecordingSource(recording), took, live=False)
    block = zeromq.pull_source(
        gr.sizeof_gr_complex, 1, _zmq_address(config), _ZMQ_TIMEOUT
    )
    return Radio(block, {}, live=True)


def open_sink(config: RadioConfig) -> Radio:
    """A transmitting device.

    Raises:
        UsageError: wrong options.
        FileError: the recording cannot be written.
    """
    if config.device == "file":
        writer = RecordingWriter(_path(config), config.samp_rate, config.freq)
        return Radio(RecordingSink(writer), {}, live=False, close=writer.close)
    block = zeromq.push_sink(
        gr.sizeof_gr_complex, 1, _zmq_address(config), _ZMQ_TIMEOUT
    )
    # Its socket drops what has not left when it goes.
    return Radio(block, {}, live=False, close=partial(time.sleep, _ZMQ_LINGER))


def _path(config: RadioConfig) -> str:
    if not config.args:
        raise UsageError("--device file: name the recording with --args PATH")
    return config.args


def _zmq_address(config: RadioConfig) -> str:
    """GNU Radio's ZeroMQ blocks know no encryption, so samples stay on this machine."""
    address = config.args or _ZMQ_DEFAULT
    with contextlib.suppress(ValueError):
        url = urlsplit(address)
        host = url.hostname or ""
        local = host == "localhost" or (host and ipaddress.ip_address(host).is_loopback)
        if url.scheme == "ipc" or (url.scheme == "tcp" and local and url.port):
            return address
    raise UsageError(f"--args {address}: give tcp://127.0.0.1:PORT or ipc://PATH for samples")
