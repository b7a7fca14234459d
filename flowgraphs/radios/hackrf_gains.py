# SPDX-License-Identifier: GPL-3.0-or-later
"""Gains of a HackRF, whatever driver it is reached through."""

from percast.flowgraphs.radios.frontend import Frontend, Range

# By https://hackrf.readthedocs.io/en/latest/setting_gain.html; gr-osmosdr's names beside them.
_RECEIVE = {"AMP": ("RF", 0.0, 14.0), "LNA": ("IF", 0.0, 40.0), "VGA": ("BB", 0.0, 62.0)}
_TRANSMIT = {"AMP": ("RF", 0.0, 14.0), "VGA": ("IF", 0.0, 47.0)}


class HackrfGains(Frontend):
    """Mixin of a `Frontend`: the board's own gain stages. Neither a default nor a total gain
    switches the amplifier on: its input does not survive strong signals."""

    renamed = False  # the driver has names of its own

    def _stages(self) -> dict[str, tuple[str, float, float]]:
        return _TRANSMIT if self.transmit else _RECEIVE

    def stages(self) -> dict[str, Range]:
        return {name: (low, high) for name, (_, low, high) in self._stages().items()}

    def set_stage(self, name: str, gain: float) -> None:
        super().set_stage(self._driver_name(name), gain)

    def stage(self, name: str) -> float:
        return super().stage(self._driver_name(name))

    def _driver_name(self, name: str) -> str:
        return self._stages()[name][0] if self.renamed else name

    def total_range(self) -> Range:
        return 0.0, 47.0 if self.transmit else 102.0

    def set_total_gain(self, gain: float) -> None:
        self.set_stage("AMP", 0)
        lna = 0.0
        if not self.transmit:
            # LNA in steps of 8 dB, VGA of 2 dB; half each, as the board's makers advise.
            lna = min(40.0, 8 * (gain // 16))
            if gain - lna > 62:
                lna = 40.0
            self.set_stage("LNA", lna)
        self.set_stage("VGA", gain - lna)

    def default_gain(self) -> dict[str, float]:
        if self.transmit:
            return {"AMP": 0, "VGA": 0}
        return {"AMP": 0, "LNA": 16, "VGA": 20}

    def antennas(self) -> list[str]:
        return ["TX/RX"]


def is_hackrf(stages: dict[str, Range]) -> bool:
    """Whether a radio with these gain stages is a HackRF behind a driver for many radios."""
    return set(stages) in (set(_RECEIVE), set(_TRANSMIT))
