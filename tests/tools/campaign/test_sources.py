# SPDX-License-Identifier: GPL-3.0-or-later
"""Which picture of its source a shot is of, where the same picture comes twice."""

import contextlib
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from percast.blocks.images import open_source
from percast.blocks.waveform.header import Header
from percast.blocks.waveform.profile import WaveformConfig
from percast.blocks.waveform.transmit import modulate
from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.registry import open_codec
from percast.engines.evaluation.evaluate import Evaluation
from percast.engines.metrics import psnr
from percast.flowgraphs.evaluation_channel import AirConfig
from percast.tools.campaign.checking import load_plan
from percast.tools.campaign.exporting import write_pictures
from percast.tools.campaign.layout import outlook
from percast.tools.campaign.store import Store
from percast.tools.study.cells import conditions_of
from tests.tools.campaign import plans
from tests.tools.campaign.first_stores import as_first
from tests.tools.campaign.plans import GREY

TEXT = plans.SMALL.replace('model = "base"', f'codec = "{GREY}"')
NAMES = ["1.png", "2.png", "3.png", "4.png"]


@pytest.fixture(scope="module")
def twice(small_photos, tmp_path_factory) -> Path:
    """Four pictures, of which the second is the first again."""
    folder = tmp_path_factory.mktemp("twice")
    first, second, third = sorted(small_photos.glob("*.png"))[:3]
    for name, photo in zip(NAMES, (first, first, second, third), strict=True):
        shutil.copy(photo, folder / name)
    return folder


@pytest.fixture(scope="module")
def made(twice, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    changes = ("conditions.snr=6", "conditions.cbr=1/48")
    return plans.run(folder / "made.sqlite", plans.write(folder, twice, TEXT), *changes)


def figures(path: Path) -> dict[str, float]:
    with Store.open(path) as store:
        return {row["picture"]: row["psnr_db"] for row in store.rows()}


def test_a_picture_that_comes_twice_meets_the_noise_that_it_meets_in_eval(made, twice):
    """By number: otherwise all after it meet that of their neighbour."""
    channel = AirConfig("awgn", seed=5).open().send
    rate, config = Fraction(1, 48), CodecConfig(codec=GREY)
    with Evaluation(config, [rate], [6.0], [1.0], channel, ["psnr"]) as evaluation:
        with open_source(str(twice), None, None) as source:
            pictures = [(picture.name, picture.rgb) for picture in source]
        rows = list(evaluation.rows(pictures))
    assert figures(made) == {row.picture: pytest.approx(row.figures["psnr_db"]) for row in rows}
    assert sorted(figures(made)) == NAMES


def test_a_dry_run_counts_what_is_run(made, twice, tmp_path):
    plan = plans.write(tmp_path, twice, TEXT)
    expected = outlook(load_plan(plan, ("conditions.snr=6", "conditions.cbr=1/48")))
    with Store.open(made) as store:
        assert store.counts()["cells"] == expected.cells == expected.pictures == 4


def test_a_picture_that_comes_twice_is_kept_once_and_exported_by_both_numbers(made, tmp_path):
    with Store.open(made) as store:
        assert [each["name"] for each in store.pictures()] == NAMES
        assert store._db.execute("SELECT count(*) FROM pictures").fetchone()[0] == 3
        write_pictures(tmp_path, store, store.rows())
    first, second, third = (tmp_path / f"sent-{number:04d}.png" for number in range(3))
    assert first.read_bytes() == second.read_bytes() != third.read_bytes()


def recording_of(folder: Path, path: Path, numbers) -> None:
    """What a sender of a folder sends, with some noise."""
    profile, rng = WaveformConfig("robust-2m").open(), np.random.default_rng(1)
    with open_source(str(folder), None, None) as source:
        pictures = [picture.rgb for picture in source]
    heard = [np.zeros(2000, np.complex64)]
    with open_codec(GREY) as codec:
        for number in numbers:
            coded, symbols = codec.encode(pictures[number % len(pictures)])
            header = Header.of(coded, len(symbols), 7, number, "", 0)
            heard += [*modulate(profile, header, symbols, None), heard[0]]
    samples = np.concatenate(heard)
    samples += 0.01 * rng.standard_normal(2 * samples.size).view(np.complex128)
    samples.astype(np.complex64).tofile(path)


def test_a_recording_is_compared_with_the_pictures_that_its_sender_sent(twice, tmp_path):
    """The one after the picture that comes twice, too, and those of the second time round."""
    heard = tmp_path / "heard.cf32"
    recording_of(twice, heard, range(6))
    plan = plans.write(
        tmp_path, twice,
        '[campaign]\nmedium = "recording"\nmetrics = ["psnr"]\n[pictures]\nsource = "{photos}"\n'
        f'[recording]\nprofile = "robust-2m"\npath = "{heard}"\n[[codec]]\ncodec = "{GREY}"\n',
    )  # fmt: skip
    with Store.open(plans.run(tmp_path / "recorded.sqlite", plan)) as store:
        rows = store.rows()
    assert [(row["picture"], row["repeat"]) for row in rows] == [
        *((name, 0) for name in NAMES), ("1.png", 1), ("2.png", 1),
    ]  # fmt: skip
    own = {row["picture"]: row["psnr_db"] for row in rows}
    others = figures_of_others(twice)
    for name in NAMES:
        assert own[name] > others[name] + 3, "it is no picture of its own"


def figures_of_others(folder: Path) -> dict[str, float]:
    """PSNR of what the code makes of the picture after each, were it taken for this one."""
    with open_source(str(folder), None, None) as source:
        pictures = [picture.rgb for picture in source]
    with open_codec(GREY) as codec:
        received = []
        for rgb in pictures:
            coded, symbols = codec.encode(rgb)
            received.append(codec.decode(coded, symbols, np.zeros(len(symbols), np.float32)))
    shifted = [*received[2:], *received[:2]]
    return {name: psnr(a, b) for name, a, b in zip(NAMES, pictures, shifted, strict=True)}


def test_a_study_shows_a_picture_that_comes_twice_once(made, tmp_path):
    with contextlib.ExitStack() as stack:
        _, conditions, _ = conditions_of(stack, made, [])
    assert [sorted(pictures) for pictures in conditions.values()] == [["1.png", "3.png", "4.png"]]


def test_a_store_of_the_first_percast_is_read_and_gone_on_with(made, small_photos, tmp_path):
    plan = plans.write(tmp_path, small_photos, TEXT)
    path = plans.run(tmp_path / "new.sqlite", plan, "conditions.snr=6", "pictures.frames=2")
    first = as_first(path)
    with Store.open(path) as now, Store.open(first) as then:
        whole = now.rows()
        assert then.rows() == whole and then.pictures() == now.pictures()
        assert then.columns() == now.columns() and then.counts() == now.counts()
        numbers = [[(s.shot, s.number, s.cells) for s in x.shots(done=True)] for x in (then, now)]
        assert numbers[0] == numbers[1]
    with Store.open(first, write=True) as store:
        for table in ("decodes", "equalised", "arrivals"):
            store._db.execute(f"DELETE FROM main.{table}")
        assert store.rows() == []
    plans.resume(first)
    assert figures_by_cell(first) == figures_by_cell(path)


def figures_by_cell(path: Path) -> dict[int, float]:
    with Store.open(path) as store:
        return {row["cell"]: row["psnr_db"] for row in store.rows()}
