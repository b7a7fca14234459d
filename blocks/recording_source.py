# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio block: a recording as a stream of samples."""

import numpy as np

from percast.blocks.ending_source import EndingSource
from percast.blocks.recordings.reader import Recording

_CHUNK = 1 << 18  # samples read at once


class RecordingSource(EndingSource):
    """Plays a recording as fast as it is taken; see `EndingSource`.

    Args:
        recording: open.
        tail: samples of silence after it, for a receiver to finish.
    """

    def __init__(self, recording: Recording, tail: int = 16384):
        super().__init__("percast recording source", tail)
        self.recording = recording
        self.position = 0

    def more(self) -> np.ndarray | None:
        samples = self.recording.read(self.position, _CHUNK)
        self.position += len(samples)
        return samples if len(samples) else None
