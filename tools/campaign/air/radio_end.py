# SPDX-License-Identifier: GPL-3.0-or-later
"""One end: a radio that is opened when a coordinator asks, and what it sends or has heard."""

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from percast.blocks.pdu import PictureSymbols
from percast.blocks.recordings.config import RecordingConfig
from percast.blocks.recordings.recorder import Recorder
from percast.blocks.stats.clock import CLOCK
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import Profile, WaveformConfig
from percast.errors import DeviceError
from percast.flowgraphs.config import TransmitterConfig
from percast.flowgraphs.radios.chatter import Chatter
from percast.flowgraphs.radios.config import RadioConfig, parse_gain
from percast.flowgraphs.radios.factory import open_sink, open_source
from percast.flowgraphs.radios.station import Station
from percast.flowgraphs.symbols_on_air import SymbolsIn, SymbolsOut
from percast.tools import process, report
from percast.tools.campaign.air.wire import Answer
from percast.tools.campaign.arrived import coded_from_json, coded_to_json
from percast.tools.campaign.layout import airtime
from percast.tools.campaign.sections import AirSection
from percast.tools.on_air import QUEUE_SECONDS, describe

_KEPT = 16  # pictures that nobody has asked for yet
_LOOK = 0.3  # seconds over which samples must move


class RadioEnd:
    """Answers what `wire` lists; close it."""

    def __init__(self) -> None:
        self._opened: Mapping[str, Any] | None = None
        self._stack = contextlib.ExitStack()
        self._graph: SymbolsOut | SymbolsIn | None = None
        self._arrived: OrderedDict[tuple[int, int], tuple[PictureSymbols, float]] = OrderedDict()
        self._came = threading.Condition()

    def answer(self, asked: dict[str, Any], frames: Sequence[bytes]) -> Answer:
        """See `wire`.

        Raises:
            PercastError: the radio, or what is asked of it.
        """
        do = {
            "open": self._open, "send": self._send, "collect": self._collect,
            "gain": self._gain, "status": self._status, "close": self._close,
        }[asked["do"]]  # fmt: skip
        return do(asked, frames)

    def close(self) -> None:
        """Let go of the radio."""
        self._close({}, ())

    def _open(self, asked: dict[str, Any], frames: Sequence[bytes]) -> Answer:
        if self._graph is None or self._opened != asked or self._error():
            self.close()
            self._start(asked)
            self._opened = asked
        station = self._station
        return {"asked": station.asked, "took": station.took, "clock": time.time()}, []

    def _start(self, asked: dict[str, Any]) -> None:
        transmit = asked["direction"] == "transmit"
        air = AirSection.from_mapping(asked["air"], "air")
        profile = _profile(air)
        place = "transmitter" if transmit else "receiver"
        config = RadioConfig.from_mapping(asked["radio"], place, samp_rate=profile.samp_rate)
        with contextlib.ExitStack() as stack:
            chatter = stack.enter_context(Chatter())
            opener, seconds = (
                open_sink if transmit else open_source,
                QUEUE_SECONDS["transmit" if transmit else "receive"],
            )
            station = Station(opener, config, transmit, seconds, chatter)
            stack.callback(process.stop_station, station)
            report.say(f"percast: {describe(config, station.took)}")
            profile = _profile(air, station.took["samp_rate"])
            if transmit:
                sender = TransmitterConfig(
                    tx_level=air.tx_level, papr_db=air.papr_db, callsign=air.callsign
                )
                self._graph = SymbolsOut(profile, sender, station)
            else:
                recorder = _recorder(air, profile, station)
                if recorder is not None:
                    stack.callback(recorder.close)
                self._graph = SymbolsIn(profile, station, self._keep, recorder)
            self._callsign, self._profile = air.callsign, profile
            self._graph.start()
            stack.callback(self._stop_graph)
            self._stack = stack.pop_all()

    def _stop_graph(self) -> None:
        graph, self._graph = self._graph, None
        if graph is not None:
            graph.stop()
            graph.wait()

    def _keep(self, picture: PictureSymbols) -> None:
        with self._came:
            self._arrived[picture.header.session, picture.header.image] = picture, time.time()
            while len(self._arrived) > _KEPT:
                self._arrived.popitem(last=False)
            self._came.notify_all()

    @property
    def _station(self) -> Station:
        if self._graph is None:
            raise DeviceError("no radio is open")
        return self._graph.station

    def _error(self) -> str:
        """Why the radio or its graph has ended; empty while it has not."""
        if self._graph is None:
            return "no radio is open"
        errors = (b.error or getattr(b, "failure", None) for b in self._graph.percast_blocks)
        return next((str(error) for error in errors if error is not None), "")

    def _send(self, asked: dict[str, Any], frames: Sequence[bytes]) -> Answer:
        if not isinstance(self._graph, SymbolsOut) or self._station.lost:
            raise DeviceError("there is no radio to send with at the moment")
        symbols = np.frombuffer(frames[0], np.complex64)
        coded = coded_from_json(asked["coded"])
        stamp = CLOCK.to_stamp(CLOCK.now())
        header = Header.of(
            coded, len(symbols), asked["session"], asked["image"], self._callsign, stamp
        )
        sent_at = time.time()
        self._graph.send(PictureSymbols(header, symbols))
        return {"sent_at": sent_at, "overhead": _overhead(self._profile, header)}, []

    def _collect(self, asked: dict[str, Any], frames: Sequence[bytes]) -> Answer:
        key = asked["session"], asked["image"]
        with self._came:
            self._came.wait_for(lambda: key in self._arrived, min(asked["timeout"], 5.0))
            found = self._arrived.pop(key, None)
        if found is None:
            return {"arrived": False}, []
        picture, received_at = found
        told = {
            "arrived": True,
            "received_at": received_at,
            "coded": coded_to_json(picture.header.coded),
            "figures": picture.figures,
        }
        return told, [picture.symbols.tobytes(), picture.noise_var.tobytes()]

    def _gain(self, asked: dict[str, Any], frames: Sequence[bytes]) -> Answer:
        gain = asked["gain"]
        return {
            "took": self._station.tune(None, parse_gain(gain) if isinstance(gain, str) else gain)
        }, []

    def _status(self, asked: dict[str, Any], frames: Sequence[bytes]) -> Answer:
        station = self._station
        before, lost = station.flow(), station.lost
        if asked.get("look", True) and not lost:
            time.sleep(_LOOK)
        after = station.flow()
        error = self._error()
        moving = not (lost or station.lost or error) and (
            after is None or after != before or not asked.get("look", True)
        )
        level = None if station.transmit else station.meter.total()
        told = {
            "moving": moving,
            "error": error,
            "reconnected": station.reconnected,
            "hanging": station.hanging,
            "counts": station.counts(),
            "took": station.took,
            "level": None if level is None else vars(level),
            "clock": time.time(),
        }
        return told, []

    def _close(self, asked: dict[str, Any], frames: Sequence[bytes]) -> Answer:
        self._opened = None
        self._stack.close()
        return {}, []


def _profile(air: AirSection, samp_rate: float | None = None) -> Profile:
    return WaveformConfig(air.profile, samp_rate or air.samp_rate).open()


def _recorder(air: AirSection, profile: Profile, station: Station) -> Recorder | None:
    """What writes down what is heard from this start on."""
    if air.record is None:
        return None
    path = Path(air.record)
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    config = RecordingConfig(str(path.with_stem(f"{path.stem}-{now}")), air.record_format)
    took = station.took
    recorder = config.open(profile, took.get("freq"), f"{station.config.device}, {took['driver']}")
    station.on_capture = recorder.writer.capture
    return recorder


def _overhead(profile: Profile, header: Header) -> float:
    """Channel uses beside a picture's symbols, for each of them."""
    symbols = header.symbols
    uses = (
        airtime(profile, symbols, header.design_snr_db)
        * profile.samp_rate
        * profile.occupied_fraction
    )
    return uses / symbols - 1
