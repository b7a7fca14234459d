# SPDX-License-Identifier: GPL-3.0-or-later
"""Both ends of a radio link for symbols whose codec is elsewhere: what `transmitter` and `receiver`
are between modulator and radio, and between radio and demodulator.

    symbols -> OFDM modulator -> queue -> radio  ...  radio -> queue -> OFDM demodulator -> symbols
"""

from collections.abc import Callable

import pmt
from gnuradio import gr

from percast.blocks.guard import Guarded, guarded
from percast.blocks.ofdm_demodulator import OfdmDemodulator
from percast.blocks.ofdm_modulator import OfdmModulator
from percast.blocks.pdu import PictureSymbols, is_end
from percast.blocks.receive_bridge import SampleInlet
from percast.blocks.recordings.recorder import Recorder
from percast.blocks.transmit_bridge import PacketOutlet
from percast.blocks.waveform.profile import Profile
from percast.flowgraphs.config import TransmitterConfig
from percast.flowgraphs.radios.station import Station

_SYMBOLS = pmt.intern("symbols")


class SymbolsOut(gr.top_block):
    """Symbols to a radio; `send` them.

    Args:
        profile: the waveform.
        config: level, envelope limit and callsign are used.
        station: the radio.
    """

    def __init__(self, profile: Profile, config: TransmitterConfig, station: Station):
        gr.top_block.__init__(self, "percast symbols out", catch_exceptions=False)
        self.station = station
        self.modulator = OfdmModulator(profile, config.tx_level, config.papr_db or None)
        self.outlet = PacketOutlet(station.queue, keep_silence=not station.bursts)
        self.percast_blocks = (self.modulator, self.outlet, station)
        self.connect(self.modulator, self.outlet)

    def start(self) -> None:
        """Raises `DeviceError` where the radio does not start."""
        self.station.start()
        gr.top_block.start(self)

    def stop(self) -> None:
        self.outlet.abort()
        self.station.stop()
        gr.top_block.stop(self)

    def send(self, picture: PictureSymbols) -> None:
        """Put a picture on the air."""
        self.modulator.to_basic_block()._post(_SYMBOLS, picture.to_pdu())


class SymbolsIn(gr.top_block):
    """A radio to symbols.

    Args:
        profile: the waveform.
        station: the radio.
        take: called with every picture that arrived.
        recorder: writes down what is heard; closed by whoever opened it.
    """

    def __init__(
        self,
        profile: Profile,
        station: Station,
        take: Callable[[PictureSymbols], None],
        recorder: Recorder | None = None,
    ):
        gr.top_block.__init__(self, "percast symbols in", catch_exceptions=False)
        self.station = station
        self.inlet = SampleInlet(station.queue)
        self.demodulator = OfdmDemodulator(profile, recorder=recorder)
        self.taker = _Taker(take)
        self.percast_blocks = (station, self.inlet, self.demodulator, self.taker)
        self.connect(self.inlet, self.demodulator)
        self.msg_connect(self.demodulator, "symbols", self.taker, "symbols")

    def start(self) -> None:
        """Raises `DeviceError` where the radio does not start."""
        gr.top_block.start(self)
        self.station.start()

    def stop(self) -> None:
        self.station.stop()
        self.demodulator.finish()
        gr.top_block.stop(self)


class _Taker(Guarded, gr.basic_block):
    """Hands what comes to a function."""

    def __init__(self, take: Callable[[PictureSymbols], None]):
        gr.basic_block.__init__(self, "percast symbols taker", None, None)
        self._take = take
        self.message_port_register_in(_SYMBOLS)
        self.set_msg_handler(_SYMBOLS, self._handle)

    @guarded()
    def _handle(self, message) -> None:
        if not is_end(message):
            self._take(PictureSymbols.from_pdu(message))
