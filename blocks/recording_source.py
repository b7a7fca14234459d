# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: a recording as a stream of samples."""

import numpy as np

from percast.blocks.ending_source import EndingSource
from percast.blocks.recordings.reader import Recording


class RecordingSource(EndingSource):
    """Plays a recording as fast as it is taken; see `EndingSource`.

    Args:
        recording: open.
    """

    def __init__(self, recording: Recording):
        super().__init__("percast recording source")
        self.recording = recording
        self._pieces = recording.pieces()

    def more(self) -> np.ndarray | None:
        piece = next(self._pieces, None)
        if piece is None:
            return None
        samples, after_gap = piece
        if after_gap:
            self.mark_gap()
        return samples
