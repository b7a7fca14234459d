# SPDX-License-Identifier: GPL-3.0-or-later
"""One end of a link with its radio, as flowgraphs to run."""

import time

from gnuradio import gr

from percast.flowgraphs.radio import Radio
from percast.flowgraphs.receiver import Receiver
from percast.flowgraphs.transmitter import Transmitter


def _guarded(radio: Radio) -> tuple:
    """The radio's block, when it is one of ours and can report an error."""
    return (radio.block,) if hasattr(radio.block, "error") else ()


class Transmit(gr.top_block):
    """transmitter -> radio, until the last sample is out."""

    def __init__(self, transmitter: Transmitter, radio: Radio):
        gr.top_block.__init__(self, "percast transmit", catch_exceptions=False)
        self.transmitter, self.radio = transmitter, radio
        self.percast_blocks = (*transmitter.percast_blocks, *_guarded(radio))
        self.connect(transmitter, radio.block)

    def wait_done(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the radio to take the last sample."""
        modulator = self.transmitter.modulator
        if not modulator.ended.wait(timeout):
            return False
        if self.radio.block.nitems_read(0) >= modulator.nitems_written(0):
            return True
        time.sleep(timeout)
        return False

    def progress(self) -> object | None:
        """Changes while the radio takes samples; None while pictures are encoded."""
        if self.transmitter.progress() is None:
            return None
        return self.radio.block.nitems_read(0)

    def finish(self) -> None:
        """Read no more pictures; what was read is still sent."""
        self.transmitter.finish()

    def abort(self) -> None:
        """Send nothing more."""
        self.transmitter.abort()


class Receive(gr.top_block):
    """radio -> receiver, until the stream ends or somebody calls `finish`."""

    def __init__(self, radio: Radio, receiver: Receiver):
        gr.top_block.__init__(self, "percast receive", catch_exceptions=False)
        self.receiver, self.radio = receiver, radio
        self.percast_blocks = (*_guarded(radio), *receiver.percast_blocks)
        self.connect(radio.block, receiver)

    def wait_done(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the last picture to be through."""
        return self.receiver.done.wait(timeout)

    def progress(self) -> object | None:
        """Changes while samples come; None while pictures are decoded or written."""
        return self.receiver.progress()

    def finish(self) -> None:
        """Take no more samples; what has arrived is still decoded."""
        self.receiver.finish()

    abort = finish
