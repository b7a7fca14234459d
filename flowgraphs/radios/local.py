# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no radio: recordings, and samples between processes of one machine over ZeroMQ."""

import contextlib
import time
from collections.abc import Iterator
from functools import partial

import zmq
from gnuradio import gr, zeromq

from percast.blocks.images.zmq_images import check_address
from percast.blocks.recording_sink import RecordingSink
from percast.blocks.recording_source import RecordingSource
from percast.blocks.recordings.reader import open_recording
from percast.blocks.recordings.writer import RecordingWriter
from percast.blocks.zmq_sample_source import ZmqSampleSource
from percast.errors import UsageError
from percast.file_lock import lock_for_reading
from percast.flowgraphs.radios.config import Radio, RadioConfig
from percast.ipc import check_free
from percast.settings import SettingError

_ZMQ_TIMEOUT = 100  # ms that the sink waits for a reader before GNU Radio may stop it
_ZMQ_LINGER = 0.5  # s
_ZMQ_DEFAULT = "tcp://127.0.0.1:5557"


def open_file_source(config: RadioConfig) -> Radio:
    """A recording to be received.

    Raises:
        UsageError, FileError: see `open_recording`.
    """
    recording = open_recording(_path(config))
    took = {"samp_rate": recording.samp_rate, "freq": recording.freq}
    held = open(recording.path, "rb")  # noqa: SIM115 - closed with the radio
    lock_for_reading(held.fileno())
    return Radio(RecordingSource(recording), took, live=False, close=held.close)


def open_file_sink(config: RadioConfig) -> Radio:
    """A recording of what is sent.

    Raises:
        UsageError, FileError: see `RecordingWriter`.
    """
    writer = RecordingWriter(_path(config), config.samp_rate, config.freq)
    return Radio(RecordingSink(writer), {}, live=False, close=writer.close)


def open_zmq_source(config: RadioConfig) -> Radio:
    """Samples of another process.

    Raises:
        UsageError: an address beyond this machine, or none.
    """
    with _checked_address(config) as address:
        block = ZmqSampleSource(address)
    return Radio(block, {}, live=True, close=block.close)


def open_zmq_sink(config: RadioConfig) -> Radio:
    """Samples for another process.

    Raises:
        UsageError: an address beyond this machine, or one that is taken.
    """
    # Its socket drops what has not left when it goes.
    linger = partial(time.sleep, _ZMQ_LINGER)
    with _checked_address(config) as address:
        check_free(address)
        block = zeromq.push_sink(gr.sizeof_gr_complex, 1, address, _ZMQ_TIMEOUT)
    return Radio(block, {}, live=False, close=linger)


def _path(config: RadioConfig) -> str:
    if not config.args:
        raise SettingError("args", "is missing: give the path of the recording")
    return config.args


@contextlib.contextmanager
def _checked_address(config: RadioConfig) -> Iterator[str]:
    """Raises `SettingError` for an address beyond this machine, or one that cannot be had."""
    address = _zmq_address(config)
    try:
        yield address
    except (RuntimeError, OSError, zmq.ZMQError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingError("args", f"{address}: {reason}; choose another address") from error


def _zmq_address(config: RadioConfig) -> str:
    """GNU Radio's ZeroMQ sink knows no encryption, so samples stay on this machine."""
    address = config.args or _ZMQ_DEFAULT
    with contextlib.suppress(UsageError):
        check_address(address, insecure=False)
        # Another process must know it, and inproc:// is for this one alone.
        if not address.startswith("inproc:") and not address.endswith((":*", ":0")):
            return address
    reason = f"{address}: give tcp://127.0.0.1:PORT or ipc://PATH for samples"
    raise SettingError("args", reason)
