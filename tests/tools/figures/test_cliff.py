# SPDX-License-Identifier: GPL-3.0-or-later
import csv
import shutil
from itertools import chain

import pytest
from PIL import Image

from percast.engines.metrics import find_weights
from percast.tools.figures import cliff

SURVIVE = ("percast", "percast-long", "best")


@pytest.fixture
def weights(monkeypatch, perceptual_weights):
    pytest.importorskip("av", reason="HEVC needs PyAV: pip install 'percast[digital]'")
    pytest.importorskip("matplotlib", reason="pip install 'percast[plots]'")
    monkeypatch.setenv("PERCAST_PERCEPTUAL", perceptual_weights)
    if find_weights("dists") is None:
        pytest.skip("no weights of DISTS: percast eval fetch-weights --metrics dists")


def test_the_digital_link_falls_off_and_the_learned_code_does_not(weights, photos, tmp_path):
    two = tmp_path / "two"
    two.mkdir()
    for name in ("0.png", "1.png"):
        shutil.copy(photos / name, two)
    argv = [str(tmp_path), "--source", str(two), "--size", "128x128", "--cbr", "1/24"]
    assert cliff.main([*argv, "--snr", "6,11,15", "--channel", "awgn"]) == 0
    with open(tmp_path / "cliff.csv") as file:
        rows = {(row["system"], float(row["snr_db"])): row for row in csv.DictReader(file)}
    assert len(rows) == 12
    delivered = {key: float(row["delivered"]) for key, row in rows.items()}
    assert [delivered["fixed", snr] for snr in (6, 11, 15)] == [0, 1, 1]
    assert all(delivered[system, snr] == 1 for system in SURVIVE for snr in (6, 11, 15))
    lpips = {key: float(row["lpips"]) for key, row in rows.items()}
    assert lpips["percast", 6] < lpips["percast", 15] + 0.1 < lpips["fixed", 6] - 0.3
    assert lpips["best", 15] < lpips["fixed", 15] == lpips["fixed", 11] < lpips["best", 6]
    with Image.open(tmp_path / "cliff.png") as figure:
        assert figure.height > 500


@pytest.mark.parametrize(
    ("option", "value", "code", "words"),
    [
        ("folder", "file", 6, "cannot write"),
        ("--channel", "awgn,tdl-z", 2, "tdl-z"),
        ("--snr", "20,1000", 2, "1000"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_sent(
    weights, small_photos, tmp_path, monkeypatch, capsys, option, value, code, words
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(cliff.Sender, "percast", lambda *_: pytest.fail("it has begun"))
    settings = {"folder": "out", "--source": str(small_photos), "--snr": "20"} | {option: value}
    folder = tmp_path / settings.pop("folder")
    assert cliff.main([str(folder), *chain(*settings.items())]) == code
    assert words in capsys.readouterr().err
