# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from PIL import Image

from percast.engines import hevc
from percast.tools import side_by_side
from percast.tools.demo import Photo


@pytest.fixture
def one_photo(monkeypatch, perceptual_weights):
    """Only one small photograph, so that the test is quick."""
    pytest.importorskip("av", reason="HEVC needs PyAV")
    import skimage.data

    monkeypatch.setenv("PERCAST_PERCEPTUAL", perceptual_weights)
    photo = Photo("cat", skimage.data.chelsea()[20:277, 120:377])
    monkeypatch.setattr(side_by_side, "photographs", lambda: [photo])


def test_a_sheet_has_a_row_for_each_rate_and_four_columns(one_photo, tmp_path, monkeypatch):
    budgets = []

    def watched(rgb, budget):
        budgets.append(budget / rgb.size)
        return hevc.encode_within(rgb, budget)

    monkeypatch.setattr(side_by_side, "encode_within", watched)
    assert side_by_side.main([str(tmp_path)]) == 0
    sheet = np.asarray(Image.open(tmp_path / "cat.jpg"))
    side = side_by_side.SIDE
    assert sheet.shape[0] > 3 * side and 4 * side < sheet.shape[1] < 5 * side
    # Bits per source sample: what the learned codes' symbols would carry.
    expected = [rate * side_by_side.LDPC_BITS_PER_SYMBOL for rate in (1 / 96, 1 / 48, 1 / 24)]
    assert budgets == pytest.approx(expected, rel=1e-3)


def test_an_unwritable_folder_is_one_line(one_photo, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert side_by_side.main([str(tmp_path / "file")]) == 6
    assert "cannot write" in capsys.readouterr().err
