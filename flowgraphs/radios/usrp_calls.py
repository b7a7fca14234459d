# SPDX-License-Identifier: GPL-3.0-or-later
"""What gr-uhd's blocks and gr-osmosdr's, which are modelled on them, are asked alike."""

from percast.flowgraphs.radios.frontend import Frontend, Range


class UsrpCalls(Frontend):
    """Ranges, gains and antennas of a block with gr-uhd's methods; see `Frontend`."""

    def nearest_freq(self, freq: float) -> float:
        try:
            return self.block.get_freq_range(0).clip(freq)
        except RuntimeError:  # an empty range: it does not say
            return freq

    def stages(self) -> dict[str, Range]:
        ranges = {name: self.block.get_gain_range(name, 0) for name in self.block.get_gain_names(0)}
        return {name: (r.start(), r.stop()) for name, r in ranges.items()}

    def set_stage(self, name: str, gain: float) -> None:
        self.block.set_gain(gain, name, 0)

    def stage(self, name: str) -> float:
        return self.block.get_gain(name, 0)

    def set_total_gain(self, gain: float) -> None:
        self.block.set_gain(gain, 0)

    def total_range(self) -> Range:
        limits = self.block.get_gain_range(0)
        return limits.start(), limits.stop()

    def antennas(self) -> list[str]:
        return list(self.block.get_antennas(0))

    def set_antenna(self, name: str) -> None:
        self.block.set_antenna(name, 0)

    def antenna(self) -> str:
        return self.block.get_antenna(0)
