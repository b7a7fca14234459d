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
    """

    def __init__(self, recording: Recording):
        super().__init__("percast recording source")
        self.recording = recording
        self.position = 0

    def more(self) -> np.ndarray | None:
        samples = self.recording.read(self.position, _CHUNK)
        self.position += len(samples)
        return samples if len(samples) else None
