# SPDX-License-Identifier: GPL-3.0-or-later
"""Symbols through both ends. A picture that does not arrive was lost on the air only if both radios
were there all the time; else it is sent again when they are back."""

import secrets
import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from percast.engines.codecs.contract import CodedImage, Symbols
from percast.engines.evaluation.measure import Arrival
from percast.errors import DeviceError
from percast.tools.campaign.air.client import RemoteEnd
from percast.tools.campaign.arrived import coded_from_json, coded_to_json, link_columns
from percast.tools.campaign.jobs import Flight
from percast.tools.campaign.sections import AirSection
from percast.tools.campaign.store import Shot

_WAIT = 1.0  # seconds between two looks at radios that are away
_BUFFERED = 4.0  # of samples that may still come from a radio that has gone
_AT_ONCE = 0.5  # that the receiver is asked to wait

Event = Callable[[str], None]


class AirLink:
    """A link on the air.

    Args:
        transmitter, receiver: the ends, open.
        air: what they have in common.
        gain_of: condition -> gain of the transmitter, dB; None leaves it as it is.
        on_event: told of radios that are lost, and are back.
    """

    def __init__(
        self,
        transmitter: RemoteEnd,
        receiver: RemoteEnd,
        air: AirSection,
        gain_of: Callable[[Mapping[str, Any]], float | None],
        on_event: Event,
    ):
        self._ends = (transmitter, receiver)
        self._transmitter, self._receiver = self._ends
        self._air, self.gain_of, self._on_event = air, gain_of, on_event
        self._session, self._image = secrets.randbits(32), 0
        self._gain: float | None = None  # that was set last
        self._took: float | None = None

    def __call__(self, shot: Shot, coded: CodedImage, symbols: Symbols) -> Flight:
        """Send a picture; see `percast.tools.campaign.jobs.Link`.

        Raises:
            DeviceError: a radio stayed away for too long.
        """
        return self.send(coded, symbols, self.gain_of(shot.condition))

    def send(self, coded: CodedImage, symbols: Symbols, gain: float | None) -> Flight:
        """Send symbols with a gain, again and again if radios are lost meanwhile."""
        attempts = 0
        while True:
            attempts += 1
            before = self._reconnections(look=False)
            try:
                flight = self._try(coded, symbols, gain)
            except DeviceError as error:
                self._on_event(f"{error}")
            else:
                if flight.arrival is not None or self._there_all_the_time(before):
                    return Flight(flight.arrival, flight.columns | {"attempts": attempts})
            self._wait_for_radios()
            self._gain = None  # a radio that was opened again may have another

    def _try(self, coded: CodedImage, symbols: Symbols, gain: float | None) -> Flight:
        self._set_gain(gain)
        self._image += 1
        which = {"session": self._session, "image": self._image}
        data = np.ascontiguousarray(symbols, np.complex64).tobytes()
        began = time.monotonic()
        sent, _ = self._transmitter.ask("send", [data], coded=coded_to_json(coded), **which)
        columns = {
            "sent_at": sent["sent_at"], "overhead": sent["overhead"], "gain_db_took": self._took,
        }  # fmt: skip
        end = began + self._air.timeout
        while time.monotonic() < end:
            told, blobs = self._receiver.ask("collect", timeout=_AT_ONCE, **which)
            if told["arrived"]:
                columns |= {"air_s": time.monotonic() - began, "received_at": told["received_at"]}
                return _arrived(told, blobs, columns)
        return Flight(None, columns)

    def _set_gain(self, gain: float | None) -> None:
        if gain is None or gain == self._gain:
            return
        stage = self._air.stage
        asked = gain if stage is None else {stage: gain}
        took = self._transmitter.ask("gain", gain=asked)[0]["took"].get("gain", gain)
        self._took = float(sum(took.values())) if isinstance(took, Mapping) else float(took)
        self._gain = gain
        time.sleep(self._air.settle)

    def _reconnections(self, look: bool) -> tuple[int, ...] | None:
        """How often each radio came back so far; None while one is away."""
        told = [end.healthy(look) for end in self._ends]
        if any(each is None for each in told):
            return None
        return tuple(each["reconnected"] for each in told)

    def _there_all_the_time(self, before: tuple[int, ...] | None) -> bool:
        """Whether no radio was away since `before`. One that has gone is seen only when the samples
        that lie in buffers have come, so it is looked at twice."""
        if before is None or before != self._reconnections(look=True):
            return False
        time.sleep(_BUFFERED)
        return before == self._reconnections(look=True)

    def _wait_for_radios(self) -> None:
        """Until samples go through both."""
        end = time.monotonic() + self._air.patience
        told: set[str] = set()
        while True:
            away = [one for one in self._ends if one.healthy() is None]
            if not away:
                if told:
                    self._on_event("both radios are there again")
                return
            for one in away:
                reason = f"{one.name}: {one.mend()}"
                if one.name not in told:
                    told.add(one.name)
                    self._on_event(f"waiting for the {reason}")
            if time.monotonic() > end:
                raise DeviceError(
                    f"the {reason}; waited {self._air.patience:g} s: `percast campaign resume` "
                    "goes on when it is back"
                )
            time.sleep(_WAIT)


def _arrived(told: Mapping[str, Any], blobs: list[bytes], columns: dict[str, Any]) -> Flight:
    figures = told["figures"]
    columns |= link_columns(
        figures["snr_db"], figures["evm_db"], figures["freq_offset_hz"], figures["clock_ppm"]
    )
    symbols = np.frombuffer(blobs[0], np.complex64)
    noise_var = np.frombuffer(blobs[1], np.float32)
    return Flight(Arrival(coded_from_json(told["coded"]), symbols, noise_var, {}), columns)


def probe(count: int = 4096) -> tuple[CodedImage, Symbols]:
    """Something to send that no codec made: QPSK."""
    rng = np.random.default_rng(0)
    corners = rng.choice(np.array([1, 1j, -1, -1j]), count).astype(np.complex64)
    coded = CodedImage(
        width=256, height=256, cbr=Fraction(1, 48), codec_id=255, codec_word=0,
        model_id=bytes(4), design_snr_db=10.0, realism=1.0,
    )  # fmt: skip
    return coded, corners
