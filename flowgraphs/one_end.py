# SPDX-License-Identifier: GPL-3.0-or-later
"""One end of a link with its device, as flowgraphs to run."""

import time
from dataclasses import replace

from gnuradio import gr

from percast.blocks.receive_bridge import SampleInlet
from percast.blocks.stats.tree import ReceiverStats, TransmitterStats
from percast.blocks.transmit_bridge import PacketOutlet
from percast.flowgraphs.radios.config import Radio
from percast.flowgraphs.radios.station import Station
from percast.flowgraphs.receiver import Receiver
from percast.flowgraphs.stats import radio_stats
from percast.flowgraphs.transmitter import Transmitter


def _guarded(radio: Radio) -> tuple:
    """The radio's block, when it is one of ours and can report an error."""
    return (radio.block,) if hasattr(radio.block, "error") else ()


class Transmit(gr.top_block):
    """transmitter -> file or other process, until the last sample is out."""

    def __init__(self, transmitter: Transmitter, radio: Radio):
        gr.top_block.__init__(self, "percast transmit", catch_exceptions=False)
        self.transmitter, self.radio = transmitter, radio
        self.percast_blocks = (*transmitter.percast_blocks, *_guarded(radio))
        self.connect(transmitter, radio.block)

    def stats(self) -> TransmitterStats:
        """How it does, at any moment and from any thread."""
        return self.transmitter.stats()

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


class TransmitOnAir(gr.top_block):
    """transmitter -> queue -> radio in a graph of its own, until the radio has sent all."""

    def __init__(self, transmitter: Transmitter, station: Station):
        gr.top_block.__init__(self, "percast transmit", catch_exceptions=False)
        self.transmitter, self.station = transmitter, station
        self.outlet = PacketOutlet(station.queue, keep_silence=not station.bursts)
        self.percast_blocks = (*transmitter.percast_blocks, self.outlet, station)
        self._quiet_since: float | None = None
        self.connect(transmitter, self.outlet)

    def start(self) -> None:
        """Start the radio, then the transmitter.

        Raises:
            DeviceError: the radio does not start.
        """
        self.station.start()
        gr.top_block.start(self)

    def stop(self) -> None:
        self.station.stop()
        gr.top_block.stop(self)

    def stats(self) -> TransmitterStats:
        """How it does, at any moment and from any thread."""
        return replace(self.transmitter.stats(), radio=radio_stats(self.station))

    def wait_done(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the radio to send the last sample."""
        if not self.transmitter.modulator.ended.wait(timeout):
            return False
        if self._all_out():
            now = time.monotonic()
            self._quiet_since = self._quiet_since or now
            if now - self._quiet_since > self.station.latency:
                return True
        time.sleep(timeout)
        return False

    def _all_out(self) -> bool:
        modulated = self.transmitter.modulator.nitems_written(0)
        return self.outlet.nitems_read(0) >= modulated and self.station.idle()

    def progress(self) -> object | None:
        """Changes while samples go; None while pictures are encoded or lie in the radio."""
        busy = self.transmitter.progress() is None
        return None if busy or self._quiet_since else self.outlet.nitems_read(0)

    def finish(self) -> None:
        """Read no more pictures; what was read is still sent."""
        self.transmitter.finish()

    def abort(self) -> None:
        """Send nothing more."""
        self.transmitter.abort()
        self.outlet.abort()


class Receive(gr.top_block):
    """file or other process -> receiver, until the stream ends or somebody calls `finish`."""

    def __init__(self, radio: Radio, receiver: Receiver):
        gr.top_block.__init__(self, "percast receive", catch_exceptions=False)
        self.receiver, self.radio = receiver, radio
        self.percast_blocks = (*_guarded(radio), *receiver.percast_blocks)
        self.connect(radio.block, receiver)

    def stats(self) -> ReceiverStats:
        """How it does, at any moment and from any thread."""
        stats = self.receiver.stats()
        malformed = getattr(self.radio.block, "malformed", None)
        return replace(stats, sync=replace(stats.sync, malformed=malformed))

    def wait_done(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the last picture to be through."""
        return self.receiver.done.wait(timeout)

    def progress(self) -> object | None:
        """Changes while samples come; None while pictures are decoded or written."""
        return self.receiver.progress()

    def finish(self) -> None:
        """Take no more samples; what has arrived is still decoded."""
        if self.radio.live:
            self.radio.block.finish()
        else:
            self.receiver.finish()

    def abort(self) -> None:
        """Let nothing wait any more."""
        self.receiver.finish()


class ReceiveOnAir(gr.top_block):
    """radio in a graph of its own -> queue -> receiver, until somebody calls `finish` or the
    radio is lost."""

    def __init__(self, station: Station, receiver: Receiver):
        gr.top_block.__init__(self, "percast receive", catch_exceptions=False)
        self.receiver, self.station = receiver, station
        self.inlet = SampleInlet(station.queue)
        self.percast_blocks = (station, self.inlet, *receiver.percast_blocks)
        self.connect(self.inlet, receiver)

    def start(self) -> None:
        """Start the receiver, then the radio.

        Raises:
            DeviceError: the radio does not start.
        """
        gr.top_block.start(self)
        self.station.start()

    def stop(self) -> None:
        self.station.stop()
        gr.top_block.stop(self)

    def stats(self) -> ReceiverStats:
        """How it does, at any moment and from any thread."""
        return replace(self.receiver.stats(), radio=radio_stats(self.station))

    def wait_done(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the last picture to be through."""
        return self.receiver.done.wait(timeout)

    def progress(self) -> object | None:
        """Changes while samples come; None while pictures are decoded or written."""
        return self.receiver.progress()

    def finish(self) -> None:
        """Release the radio; what has arrived is still decoded."""
        self.station.stop()

    def abort(self) -> None:
        """Let nothing wait any more."""
        self.receiver.finish()
