# SPDX-License-Identifier: GPL-3.0-or-later
"""What the counts and levels of a running radio mean, and what helps."""

import logging

from percast.blocks.stats.level_meter import LevelMeter
from percast.flowgraphs.radios.session import COUNTS

log = logging.getLogger(__name__)

_SAY = 5.0  # seconds between two warnings of a kind
_CLIPPED = 1e-3  # share of values near full scale that is worth a warning

_TOO_SLOW = (
    "lower --samp-rate, use a USB 3 port without a hub, end other programs, or allow real-time "
    "priority (ulimit -r)"
)
_REMEDIES = {
    "overruns": f"this computer takes samples too slowly: {_TOO_SLOW}",
    "underruns": f"this computer gives samples too slowly: {_TOO_SLOW}",
    "late": "packets came after their time: end other programs",
    "sequence_errors": "samples were lost on the way to the radio: try another cable or port",
}


class Adviser:
    """Warns with a remedy, of each kind of trouble at most every few seconds.

    Args:
        agc: the radio controls its gain itself; may change.
    """

    def __init__(self, agc: bool):
        self.agc = agc
        self._told = dict.fromkeys(COUNTS, 0)
        self._said: dict[str, float] = {}

    def tell_counts(self, counts: dict[str, int], now: float) -> None:
        """Warn of what was counted since it was told last.

        Args:
            counts: of each of `COUNTS` so far.
            now: seconds of a steady clock.
        """
        for name, count in counts.items():
            new = count - self._told[name]
            if new > 0 and self._may_say(name, now):
                self._told[name] = count
                log.warning("%d %s: %s", new, name.replace("_", " "), _REMEDIES[name])

    def tell_level(self, meter: LevelMeter, now: float) -> None:
        """Warn when the converter has clipped since this was asked last."""
        if not self._may_say("level", now):
            return
        level = meter.recent()
        if level.clipped_share > _CLIPPED:
            remedy = "" if self.agc else "lower --gain (of a HackRF: VGA first, AMP=0), or "
            log.warning(
                "%.1f%% of the samples clip: %sattenuate more", 100 * level.clipped_share, remedy
            )

    def _may_say(self, what: str, now: float) -> bool:
        if now - self._said.get(what, -_SAY) < _SAY:
            return False
        self._said[what] = now
        return True
