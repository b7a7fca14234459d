# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that something befell, counted by reason."""

import logging

log = logging.getLogger(__name__)

MAX_REASONS = 20
"""Reasons told apart: whoever fills headers with numbers must not fill our memory and log."""
OTHER_REASONS = "further reasons"


class Tally(dict[str, int]):
    """Reason -> pictures; each reason is logged when it is first met.

    Args:
        what: befell them, for the log.
        level: of the log.
    """

    def __init__(self, what: str, level: int = logging.WARNING):
        super().__init__()
        self._what, self._level = what, level

    def add(self, reason: str) -> None:
        """Count a picture."""
        if reason not in self:
            if len(self) >= MAX_REASONS:
                reason = OTHER_REASONS
            if reason not in self:
                log.log(self._level, "%s: %s", self._what, reason)
        self[reason] = self.get(reason, 0) + 1

    @property
    def total(self) -> int:
        """Pictures, for whatever reason."""
        return sum(self.values())
