# SPDX-License-Identifier: GPL-3.0-or-later
import io

import numpy as np

from percast.engines.pictures.spliced import splice


def test_a_spliced_file_reads_and_seeks_as_its_parts_one_after_the_other():
    data = bytes(range(256)) * 300
    random = np.random.default_rng(0)
    for _ in range(50):
        cuts = np.sort(random.integers(0, len(data), 8)).tolist()
        parts = [(cuts[0], cuts[1]), b"own bytes", (cuts[1], cuts[1]), b""]
        parts += [(cuts[2], cuts[3]), (cuts[3], cuts[4]), (cuts[6], cuts[7])]
        whole = b"".join(p if isinstance(p, bytes) else data[p[0] : p[1]] for p in parts)
        file = splice(io.BytesIO(data), parts)
        assert file.read() == whole
        assert file.seek(0, io.SEEK_END) == len(whole)
        for _ in range(20):
            place, count = random.integers(0, len(whole) + 10, 2).tolist()
            file.seek(place)
            assert file.read(count) == whole[place : place + count]
