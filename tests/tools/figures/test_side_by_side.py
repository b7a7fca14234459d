# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from PIL import Image

from percast.engines.codecs.digital.schemes import scheme_for
from percast.tools.figures import side_by_side
from percast.tools.figures.contact_sheet import draw
from percast.tools.photographs import Photo


@pytest.fixture
def one_photo(monkeypatch, perceptual_weights):
    """Only one small photograph, so that the test is quick."""
    pytest.importorskip("av", reason="HEVC needs PyAV")
    import skimage.data

    monkeypatch.setenv("PERCAST_PERCEPTUAL", perceptual_weights)
    photo = Photo("cat", skimage.data.chelsea()[20:277, 120:377])
    monkeypatch.setattr(side_by_side, "photographs", lambda: [photo])


def test_a_sheet_has_a_row_for_each_rate_and_one_for_the_smoothest_part(
    one_photo, tmp_path, monkeypatch
):
    sheets = []

    def drawn(title, lines, columns, rows):
        sheets.append((columns, rows))
        return draw(title, lines, columns, rows)

    monkeypatch.setattr(side_by_side, "draw", drawn)
    assert side_by_side.main([str(tmp_path)]) == 0
    sheet = np.asarray(Image.open(tmp_path / "cat.jpg"))
    side = side_by_side.SIDE
    assert sheet.shape[0] > 4 * side and 4 * side < sheet.shape[1] < 5 * side
    ((columns, rows),) = sheets
    # What gets through 10 dB in as many symbols.
    per_symbol = scheme_for(10).information
    assert f"{per_symbol:.2f} bit/symbol" in columns[1][1] and 2.4 < per_symbol < 3
    assert [heading for heading, _ in columns] == [
        "Original",
        "HEVC + 5G LDPC",
        "Distortion only",
        "percast",
    ]
    assert columns[2][1] == "model mse, realism 0"  # whatever that model's training was
    *rows, smooth = rows
    assert [cell.caption for cell in smooth[1:]] == ["1/96, smoothest part"] * 3
    for cells in rows:
        faithful, lifelike = (figures(cell.caption) for cell in cells[2:])
        assert faithful["psnr"] > lifelike["psnr"] and faithful["lpips"] > lifelike["lpips"]
        # Of HEVC, too, the caption tells what its picture is.
        assert cells[0].caption == "original"
        assert cells[1].caption.startswith(f"{cells[2].caption.split()[0]}  LPIPS")


def figures(caption: str) -> dict[str, float]:
    """Of "1/48  LPIPS 0.123  26.1 dB"."""
    _, _, lpips, psnr, _ = caption.split()
    return {"lpips": float(lpips), "psnr": float(psnr)}


def test_means_over_ones_own_photographs_are_printed(
    perceptual_weights, tmp_path, monkeypatch, capsys
):
    pytest.importorskip("av", reason="HEVC needs PyAV")
    import skimage.data

    monkeypatch.setenv("PERCAST_PERCEPTUAL", perceptual_weights)
    captions = []
    monkeypatch.setattr(
        side_by_side, "draw", lambda *a: (captions.append(a[3][0][3].caption), draw(*a))[1]
    )
    source = tmp_path / "photos"
    source.mkdir()
    for name, x in (("left", 0), ("right", 200)):
        Image.fromarray(skimage.data.chelsea()[20:260, x : x + 240]).save(source / f"{name}.png")
    options = ["--source", str(source), "--cbr", "1/24", "--metrics", "ms-ssim"]
    assert side_by_side.main([str(tmp_path / "out"), *options]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"left.jpg", "right.jpg"}
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1].strip() for line in lines[:3]] == [
        "HEVC + 5G LDPC", "Distortion only", "percast",
    ]  # fmt: skip
    mean = np.mean([figures(caption)["lpips"] for caption in captions])
    assert float(lines[2].split("lpips ")[1].split()[0]) == pytest.approx(mean, abs=0.001)
    # And what percast takes at HEVC's value of each metric, within the one rate that was measured.
    assert [line.split(" of ")[0].split()[-1] for line in lines[3:]] == [
        "psnr_db", "lpips", "ms_ssim",
    ]  # fmt: skip
    assert all(line.count("1/24: ") == 1 for line in lines[3:])

    Image.fromarray(skimage.data.chelsea()[:100, :300]).save(source / "small.png")
    assert side_by_side.main([str(tmp_path / "out"), "--source", str(source)]) == 2
    assert "too small" in capsys.readouterr().err


def test_the_smoothest_part_is_shown():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    side = side_by_side.SIDE
    rgb[50 : 50 + side, 120 : 120 + side] = 90
    assert side_by_side._smoothest(rgb) == (50, 120)
    rgb[50 : 50 + side, 120 : 120 + side] = 0
    rgb[76:, 176:] = 90  # in the corner
    rgb[50:76] = rng.integers(0, 256, (26, 400, 3), dtype=np.uint8)
    assert side_by_side._smoothest(rgb) == (300 - side, 400 - side)


@pytest.mark.parametrize(
    ("option", "value"), [("--cbr", "1/0"), ("--metrics", "vmaf"), ("--metrics", "psnr,")]
)
def test_a_wrong_list_is_a_usage_error(tmp_path, capsys, option, value):
    assert side_by_side.main([str(tmp_path), option, value]) == 2
    assert option in capsys.readouterr().err


def test_no_rate_of_the_model_is_an_empty_frame(one_photo, tmp_path, monkeypatch, capsys):
    sheets = []
    monkeypatch.setattr(side_by_side, "draw", lambda *a: (sheets.append(a[3]), draw(*a))[1])
    assert side_by_side.main([str(tmp_path), "--cbr", "1/12"]) == 0
    ((row, _),) = sheets
    assert row[1].rgb is not None and row[3].rgb is None and "1/12" in row[3].caption
    assert "percast's bandwidth" not in capsys.readouterr().out


def test_a_rate_that_some_photographs_do_not_fit_into_is_not_compared():
    rng = np.random.default_rng(0)
    scores = side_by_side.Scores(["psnr"])
    for rates in (("1/48", "1/24"), ("1/24",)):
        original = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        scores.begin(original)
        for rate in rates:
            scores.add(rate, side_by_side.HEVC, original // 2)
        for rate in ("1/48", "1/24"):
            scores.add(rate, side_by_side.PERCAST, original // 4)
    *_, line = scores.report()
    assert "1/24: " in line and "1/48: " not in line


def test_an_unwritable_folder_is_one_line_before_anything_is_sent(
    one_photo, tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(side_by_side, "Scores", lambda _: pytest.fail("it has begun"))
    assert side_by_side.main([str(tmp_path / "file")]) == 6
    assert "cannot write" in capsys.readouterr().err
