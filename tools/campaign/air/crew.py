# SPDX-License-Identifier: GPL-3.0-or-later
"""The crew of a campaign on the air: this process with both ends."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from percast.tools.campaign.air.calibrate import calibrate
from percast.tools.campaign.air.client import RemoteEnd
from percast.tools.campaign.air.link import AirLink, probe
from percast.tools.campaign.crews import Alone, Crew
from percast.tools.campaign.frozen import clock
from percast.tools.campaign.jobs import Job, bench
from percast.tools.campaign.plan import Plan
from percast.tools.campaign.store import Done, Store


@contextlib.contextmanager
def open_air(store: Store, plan: Plan, on_event: Callable[[str], None]) -> Iterator[Crew]:
    """Both ends, open and calibrated.

    Raises:
        DeviceError: a radio is not there.
        LinkError: an SNR that no gain gives.
    """
    air = plan.parsed.get("air", {})
    with contextlib.ExitStack() as stack:
        ends = {}
        for name, end in (("receiver", plan.receiver), ("transmitter", plan.transmitter)):
            ends[name] = RemoteEnd(name, end, air)
            stack.callback(ends[name].close)
        began = time.time()
        state = {name: end.open() for name, end in ends.items()}
        told = store.frozen().get("device") or []
        store.freeze(device=[*told, {"at": clock(), "seconds": time.time() - began, **state}])
        gains = Gains(store, plan)
        link = AirLink(ends["transmitter"], ends["receiver"], plan.air, gains, on_event)

        def task(job: Job) -> Done:
            if gains.due():
                gains.find(link, on_event)
            return bench().measure(job, link)

        yield Alone(task)


class Gains:
    """The transmitter's gain for each condition: the plan's own, or a calibration's.

    Called with a condition, it gives the gain.
    """

    def __init__(self, store: Store, plan: Plan):
        self._store, self._plan = store, plan
        self._gains: dict[float, float] = {}
        self._at: float | None = None

    def due(self) -> bool:
        """Whether gains are to be found now."""
        if not self._plan.conditions.snrs_db:
            return False
        minutes = self._plan.air.calibrate_every
        return self._at is None or bool(minutes and time.monotonic() - self._at > 60 * minutes)

    def find(self, link: AirLink, on_event: Callable[[str], None]) -> None:
        """Find them, and write them down."""
        coded, symbols = probe()

        def measure(gain: float) -> float | None:
            flight = link.send(coded, symbols, gain)
            return None if flight.arrival is None else flight.columns["snr_db_measured"]

        found = calibrate(self._plan.conditions.snrs_db, self._plan.air, measure)
        self._gains = {snr: gain for snr, (gain, _) in found.items()}
        self._at = time.monotonic()
        before = self._store.frozen().get("calibrations") or []
        points = [
            {"snr_db": snr, "gain_db": gain, "snr_db_measured": measured}
            for snr, (gain, measured) in found.items()
        ]
        self._store.freeze(calibrations=[*before, {"at": clock()["utc"], "points": points}])
        words = ", ".join(f"{p['snr_db']:g} dB with {p['gain_db']:g} dB" for p in points)
        on_event(f"calibrated: {words}")

    def __call__(self, condition: Mapping[str, Any]) -> float | None:
        if condition["gain_db"] is not None:
            return condition["gain_db"]
        return self._gains.get(condition["snr_db_set"])
