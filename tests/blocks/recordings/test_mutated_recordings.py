# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hundred damaged recordings: whatever is wrong with them, one line or pictures that were
sent."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from percast.blocks.channel.impairments import complex_noise
from percast.blocks.recordings.reader import open_recording
from percast.blocks.recordings.writer import RecordingWriter
from percast.blocks.waveform.reassemble import Reassembler
from percast.blocks.waveform.receive import Receiver
from percast.blocks.waveform.transmit import modulate
from percast.errors import FileError
from tests.blocks.waveform.conftest import Link

ROUNDS = 200
SENT = {0: 1000, 1: 4096, 2: 14000, 3: 1000}  # latent symbols of each picture; 2 takes two packets


@pytest.fixture(scope="module")
def transmission(tmp_path_factory):
    """A folder with a recording of `SENT` as floats and one as bytes, and the latents."""
    folder = tmp_path_factory.mktemp("transmission")
    link = Link()
    latents, pieces = {}, [np.zeros(700, np.complex64)]
    for image, symbols in SENT.items():
        latents[image] = complex_noise(link.rng, symbols)
        header = link.header(image, symbols)
        pieces += [*modulate(link.profile, header, latents[image]), np.zeros(512, np.complex64)]
    x = np.concatenate([*pieces, np.zeros(2000, np.complex64)])
    x = ((x + link.noise(len(x), 20)) * np.float32(0.2)).astype(np.complex64)
    for name, datatype in (("floats", "cf32_le"), ("bytes", "ci8")):
        writer = RecordingWriter(folder / f"{name}.sigmf-meta", 4e6, datatype=datatype)
        writer.write(x)
        writer.annotate(0, len(x), "percast packet", image=0)
        writer.close()
    return folder, latents


def flip_bits(rng, data, share):
    out = bytearray(data)
    for at in rng.integers(0, len(out), max(1, int(len(out) * share))):
        out[at] ^= 1 << int(rng.integers(8))
    return bytes(out)


def flip_data(rng, meta, data):
    return meta, flip_bits(rng, data, 10 ** rng.uniform(-6, -1))


def flip_meta(rng, meta, data):
    return flip_bits(rng, meta, 10 ** rng.uniform(-3, -1)), data


def cut_data(rng, meta, data):
    return meta, data[: rng.integers(len(data))]


def cut_meta(rng, meta, data):
    return meta[: rng.integers(len(meta))], data


def shift_bytes(rng, meta, data):
    return meta, data[int(rng.integers(1, 8)) :]


def wild_values(rng, meta, data):
    """Stretches of NaN, infinities and absurd numbers, or of 0xFF where samples are bytes."""
    values = np.frombuffer(data[: len(data) // 4 * 4], "<f4").copy()
    for _ in range(rng.integers(1, 6)):
        at, count = rng.integers(len(values)), rng.integers(1, 3000)
        values[at : at + count] = rng.choice([np.nan, np.inf, -np.inf, 3e38, 1e14, 1e-40])
    return meta, values.tobytes()


def shuffle(rng, meta, data):
    """Pieces in another order, some of them twice."""
    size = int(rng.integers(8, 60_000)) // 8 * 8
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    order = rng.integers(0, len(pieces), len(pieces))
    return meta, b"".join(pieces[i] for i in order)


def empty(rng, meta, data):
    return (b"", data) if rng.random() < 0.5 else (meta, b"")


def mislabel(rng, meta, data):
    """Another type, rate or layout than the samples have."""
    names = ["cf32_le", "cf32_be", "cf64_le", "ci32_be", "ci16_le", "cu16_be", "ci8", "cu8",
             "rf32_le", "ri8", "cf16_le", "", None, 3]  # fmt: skip
    fields = [("core:datatype", names), ("core:num_channels", [0, 2, 7, -1, 1e9, "two"]),
              ("core:sample_rate", [0, -4e6, 1e99, "4M", None, 48e3]),
              ("core:trailing_bytes", [1, 4000, 1 << 62, -5]), ("core:offset", [10, 1 << 70]),
              ("core:dataset", ["../floats.sigmf-data", "none.bin", 7]),
              ("core:sha512", ["", "00", 5])]  # fmt: skip
    whole = json.loads(meta)
    for _ in range(rng.integers(1, 3)):
        key, values = fields[rng.integers(len(fields))]
        whole["global"][key] = values[rng.integers(len(values))]
    if rng.random() < 0.3:
        starts = [0, 500, 1 << 40, -1, 2.5]
        whole["captures"] = [
            {
                "core:sample_start": starts[rng.integers(5)],
                "core:header_bytes": int(rng.integers(99)),
                "percast:gap": bool(rng.integers(2)),
            }
            for _ in range(rng.integers(4))
        ]
    return json.dumps(whole).encode(), data


MUTATIONS = (flip_data, flip_meta, cut_data, cut_meta, shift_bytes, wild_values, shuffle, empty,
             mislabel, mislabel)  # fmt: skip


def damaged(number: int, transmission: Path, folder: Path) -> Path:
    """Write the recording of that number."""
    rng = np.random.default_rng(number)
    mutate = MUTATIONS[number % len(MUTATIONS)]
    name = "bytes" if rng.random() < 0.3 else "floats"
    meta, data = ((transmission / f"{name}.sigmf-{x}").read_bytes() for x in ("meta", "data"))
    meta, data = mutate(rng, meta, data)
    path = folder / f"{number}.sigmf-meta"
    path.write_bytes(meta)
    path.with_suffix(".sigmf-data").write_bytes(data)
    return path


def images_of(path: Path):
    """All pictures in a recording."""
    recording = open_recording(path)
    receiver = Receiver(Link().profile)
    reassembler = Reassembler(receiver.profile)
    for samples, after_gap in recording.pieces():
        for packet in (*(receiver.flush() if after_gap else ()), *receiver.push(samples)):
            yield from reassembler.push(packet)
    for packet in receiver.flush():
        yield from reassembler.push(packet)
    yield from reassembler.flush()


def test_no_damage_crashes_the_receiver_or_invents_a_picture(transmission, tmp_path):
    folder, latents = transmission
    found, refused, silent, errors = 0, 0, 0, []
    for number in range(ROUNDS):
        path = damaged(number, folder, tmp_path)
        try:
            images = list(images_of(path))
        except FileError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 400, number
            continue
        silent += not images
        for image in images:
            found += 1
            h = image.header
            assert (h.session, h.symbols, h.width) == (7, SENT.get(h.image), 256), number
            assert np.isfinite(image.symbols).all() and (image.noise_var > 0).all(), number
            # What a decoder makes of it: 0 is what was sent, 1 is nothing, 2 another picture.
            estimate = image.symbols / (1 + image.noise_var)
            errors.append(np.mean(np.abs(estimate - latents[h.image]) ** 2))
            assert errors[-1] < 1.8, number
    # The damage is of all kinds: some harmless, some fatal.
    assert found > ROUNDS and refused > 20 and silent > 20
    assert np.median(errors) < 0.05


REPLAY = """
import signal, sys
from percast.tools.cli import main
for path in sys.argv[1:]:
    signal.alarm(20)  # ends the process
    code = main(["replay", path])
    print("code", code, file=sys.stderr, flush=True)
"""


def test_no_damage_crashes_or_hangs_replay(transmission, tmp_path):
    """In one process, for its time. The model that these pictures name is unknown: none is
    decoded."""
    folder, _ = transmission
    paths = [damaged(number, folder, tmp_path) for number in range(50)]
    argv = [sys.executable, "-c", REPLAY, *map(str, paths)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    lines = done.stderr.splitlines()
    ends = [i for i, line in enumerate(lines) if line.startswith("code ")]
    assert len(ends) == len(paths)
    assert all(lines[i - 1].startswith("percast: ") for i in ends)
    codes = {lines[i] for i in ends}
    assert {"code 4", "code 5", "code 6"} <= codes <= {"code 2", "code 4", "code 5", "code 6"}
