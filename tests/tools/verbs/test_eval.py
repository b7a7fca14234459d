# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast eval`: its figures, its files, and what a user can get wrong."""

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from percast.engines.metrics import find_weights
from percast.errors import FileError, LinkError, ModelError, UsageError
from percast.tools.cli import build_parser
from percast.tools.verbs.eval import plots as eval_plots
from tests.conftest import Run
from tests.tools.verbs import expected_eval

TOLERANCE = {
    "psnr_db": 0.03,  # dB
    "ms_ssim": 0.001,
    "lpips": 0.003,
    "lpips_vgg": 0.003,
    "dists": 0.003,
    "fid": 0.5,
    "cbr": 1e-9,
    "realism": 0,
    "snr_db": 0,
    "design_snr_db": 0,
    "pictures": 0,
    "received": 0,
    "lost_share": 0,
    "snr_db_measured": 0.05,
}
WEIGHTS = {"lpips": "lpips", "lpips_vgg": "lpips-vgg", "dists": "dists", "fid": "fid"}


def test_the_bandwidth_ratio_is_the_loopbacks(percast, photos, tmp_path):
    """All symbols over all samples: pictures of several sizes do not count alike."""
    for name, size in (("a", (256, 200)), ("b", (64, 64)), ("c", (72, 65))):
        Image.open(photos / "0.png").crop((0, 0, *size)).save(tmp_path / f"{name}.png")
    common = ("--source", tmp_path, "--cbr", "1/48", "--metrics", "psnr", "--json")
    runs = [percast("eval", *common, "--snr", 20), percast("loopback", *common, "--snr", 20)]
    assert [run.code for run in runs] == [0, 0], runs[0].err + runs[1].err
    (point,) = runs[0].json["points"]
    assert point["cbr"] == pytest.approx(runs[1].json["cbr"], rel=1e-9)


def parse(*options: object) -> argparse.Namespace:
    return build_parser(["eval"]).parse_args(["eval", *map(str, options)])


@pytest.fixture(scope="module")
def one_photo(small_photos, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    shutil.copy(small_photos / "0.png", folder / "one.png")
    return folder


@pytest.fixture(scope="module")
def evaluated(percast, tmp_path_factory):
    """The evaluation that is stored, done again: the run, and its folder."""
    folder = tmp_path_factory.mktemp("expected")
    out = folder / "out"
    expected_eval.write_pictures(folder, "points")
    run = percast("eval", "--source", folder, "--out", out, *expected_eval.OPTIONS["points"])
    assert run.code == 0, run.err
    return run, out


@pytest.mark.parametrize(("name", "count"), [("points", 8), ("waveform", 1), ("fid", 1)])
def test_the_figures_are_the_expected_ones(evaluated, percast, tmp_path, name, count):
    run = evaluated[0]
    if name != "points":
        expected_eval.write_pictures(tmp_path, name)
        run = percast("eval", "--source", tmp_path, *expected_eval.OPTIONS[name])
        assert run.code == 0, run.err
    expected, found = json.loads(expected_eval.FILE.read_text()), run.json
    renew = f"if that is meant so: {expected_eval.COMMAND}"
    assert found["model_id"] == expected["model_id"], f"another model is shipped; {renew}"
    absent = {
        key
        for key, metric in WEIGHTS.items()
        if expected[name][0].get(key) is not None and find_weights(metric) is None
    }
    assert len(found["points"]) == len(expected[name]) == count
    for wanted, point in zip(expected[name], found["points"], strict=True):
        assert point["cbr_asked"] == wanted["cbr_asked"]
        assert set(point) == {*wanted, "encode_ms", "decode_ms"}
        for key in wanted.keys() & TOLERANCE.keys():
            if key in absent:
                assert point[key] is None
            else:
                assert point[key] == pytest.approx(wanted[key], abs=TOLERANCE[key]), (
                    f"{key}; {renew}"
                )
    if absent:
        pytest.skip(f"no weights, so not compared: {', '.join(sorted(absent))}")


def test_the_tables_say_the_same(evaluated):
    run, out = evaluated
    assert json.loads((out / "summary.json").read_text()) == run.json
    with open(out / "pictures.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(out / "summary.csv", newline="") as file:
        summary = list(csv.DictReader(file))
    assert len(rows) == 16 and len(summary) == 8
    for point, line in zip(run.json["points"], summary, strict=True):
        same = [
            r
            for r in rows
            if all(r[key] == line[key] for key in ("cbr_asked", "snr_db", "realism"))
        ]
        assert {r["picture"] for r in same} == {"astronaut.png", "coffee.png"}
        mean = np.mean([float(r["psnr_db"]) for r in same])
        assert mean == pytest.approx(float(line["psnr_db"])) == pytest.approx(point["psnr_db"])


def test_plots_are_drawn_or_one_line_says_what_they_need(evaluated):
    run, out = evaluated
    plots = list(out.glob("*.png"))
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        assert not plots
        assert run.err.count("pip install 'percast[plots]'") == 1
    else:
        assert len(plots) == 4
        assert all(Image.open(plot).size[0] > 500 for plot in plots)


@pytest.mark.parametrize(("against", "place"), [("cbr", (1 / 48, 0.283)), ("snr", (10.0, 0.283))])
def test_plots_have_the_baseline_as_a_dashed_curve(against, place):
    """HEVC and LDPC at 1/48 and 10 dB: LPIPS .283."""
    figure = pytest.importorskip("matplotlib.figure", reason="plots need matplotlib")
    axes = figure.Figure().subplots()
    points = [{"cbr_asked": "1/48", "cbr": 1 / 48, "snr_db": 10.0, "lpips": 0.2}]
    eval_plots._reference(axes, points, "lpips", against)
    (line,) = axes.get_lines()  # the one at 10 dB, or at 1/48
    assert line.get_linestyle() == "--" and len(line.get_xdata()) > 2
    assert any(point == pytest.approx(place) for point in line.get_xydata())


def test_the_whole_dial_is_drawn():
    """Five realisms, of which the last two look alike."""
    figure = pytest.importorskip("matplotlib.figure", reason="plots need matplotlib")
    axes = figure.Figure().subplots()
    points = [
        {
            "cbr_asked": "1/48", "cbr": 1 / 48, "snr_db": 10.0, "realism": n / 4, "lpips": 0.1,
            "pictures": 2, "decoded": 2,
        }
        for n in range(5)
    ]  # fmt: skip
    eval_plots._curves(axes, points, "lpips", "snr")
    assert len(axes.get_lines()) == 5


def test_a_mean_from_which_pictures_are_missing_is_hollow():
    figure = pytest.importorskip("matplotlib.figure", reason="plots need matplotlib")
    axes = figure.Figure().subplots()
    points = [
        {
            "cbr_asked": "1/48", "cbr": 1 / 48, "snr_db": snr, "realism": 1.0, "psnr_db": 30.0,
            "pictures": 12, "decoded": decoded,
        }
        for snr, decoded in ((9.0, 5), (10.0, 12))
    ]  # fmt: skip
    eval_plots._curves(axes, points, "psnr_db", "snr")
    curve, hollow = axes.get_lines()
    assert list(curve.get_xdata()) == [9.0, 10.0] and list(hollow.get_xdata()) == [9.0]
    assert hollow.get_markerfacecolor() == "white" and hollow.get_linestyle() == "None"


@pytest.fixture
def evaluate(capfd):
    """Runs the verb in this process: (options) -> a `Run`."""

    def evaluate(*options: object) -> Run:
        args = parse(*options)
        code = args.main(args)
        return Run(code, *capfd.readouterr())

    return evaluate


def test_through_the_whole_waveform(evaluate, one_photo):
    run = evaluate(
        "--source", one_photo, "--waveform", "--channel", "tdl-c", "--snr", "-30,20",
        "--freq-offset", "2k", "--metrics", "psnr", "--json",
    )  # fmt: skip
    deaf, heard = run.json["points"]
    assert deaf["received"] == 0 and deaf["psnr_db"] is None
    assert heard["received"] == 1 and heard["psnr_db"] > 18
    assert heard["lost_share"] == 0 and 5 < heard["snr_db_measured"] < 30
    assert run.json["waveform"] is True and run.json["channel"] == "tdl-c"
    assert run.json["freq_offset"] == 2000


def test_nothing_received_is_exit_5(evaluate, one_photo):
    with pytest.raises(LinkError, match="--snr"):
        evaluate("--source", one_photo, "--waveform", "--snr", "-30", "--metrics", "psnr")


def test_a_table_for_people_and_no_bar_off_a_terminal(evaluate, one_photo):
    run = evaluate(
        "--source", one_photo, "--channel", "rayleigh", "--erased", "0.3",
        "--metrics", "psnr,ms-ssim",
    )  # fmt: skip
    assert run.code == 0 and run.err == ""
    row = run.out.splitlines()[-2]
    assert "1/48" in row and "1/1" in row
    assert " - " in row  # MS-SSIM of 64x64


def test_without_weights_figures_are_null_and_a_line_each_says_so(
    evaluate, one_photo, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("PERCAST_PERCEPTUAL", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    metrics = "psnr,lpips,lpips-vgg,dists,fid"
    (point,) = evaluate("--source", one_photo, "--metrics", metrics, "--json").json["points"]
    assert point["psnr_db"] > 15
    assert all(point[key] is None for key in ("lpips", "lpips_vgg", "dists", "fid"))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 4 and all("fetch-weights" in line for line in lines)


OWN = "tests.engines.codecs.own"


def test_the_table_says_how_many_pictures_the_means_are_over(evaluate, small_photos):
    run = evaluate("--source", small_photos, "--codec", f"{OWN}:Fragile", "--metrics", "psnr")
    title, heads, row = (run.out.splitlines()[n] for n in (0, 2, 4))
    assert "Fragile" in title and "None" not in title  # it has no engine of ours
    assert heads.split("┃")[5:7] == [" decoded ", " not decodable "]
    assert [cell.strip() for cell in row.split("│")[5:7]] == ["5/6", "1"]


@pytest.mark.parametrize(
    ("codec", "kind", "reason"),
    [
        ("RaisesInEncode", "unencodable", "encode raised ZeroDivisionError: a bright idea"),
        ("RaisesInDecode", "undecodable", "decode raised ZeroDivisionError: a dark thought"),
    ],
)
def test_a_mistake_of_the_codec_costs_one_picture_not_the_run(
    evaluate, small_photos, tmp_path, caplog, codec, kind, reason
):
    run = evaluate(
        "--source", small_photos, "--codec", f"{OWN}:{codec}", "--metrics", "psnr",
        "--out", tmp_path, "--json",
    )  # fmt: skip
    assert run.code == 0
    (point,) = run.json["points"]
    assert (point["pictures"], point["decoded"], point[kind]) == (6, 5, 1)
    ((told, count),) = run.json["codec_faults"].items()
    assert reason in told and count == 1
    assert [told in record.getMessage() for record in caplog.records] == [True]
    with open(tmp_path / "pictures.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["fault"] for row in rows] == ["", told, "", "", "", ""]
    assert [row[kind] for row in rows] == ["0", "1", "0", "0", "0", "0"]
    assert json.loads((tmp_path / "summary.json").read_text()) == run.json


def test_a_picture_that_does_not_fit_leaves_the_other_rates_their_figures(
    evaluate, small_photos, caplog
):
    pytest.importorskip("av", reason="hevc needs PyAV")
    common = ("--source", small_photos, "--codec", "hevc-ldpc", "--frames", 2, "--snr", 20)
    run = evaluate(*common, "--cbr", "1/192,1/4", "--metrics", "psnr", "--json")
    small, large = run.json["points"]
    assert (small["unencodable"], small["received"], small["cbr"]) == (2, 0, None)
    assert large["psnr_db"] > 25
    assert (large["unencodable"], large["decoded"]) == (0, 2)
    assert caplog.text.count("needs more than") == 1
    with pytest.raises(ModelError, match="no picture could be sent: hevc needs more than"):
        evaluate(*common, "--cbr", "1/192", "--metrics", "psnr")


def test_fid_is_of_patches_and_warns_of_few(evaluate, photos, tmp_path):
    if find_weights("fid") is None:
        pytest.skip("no weights of FID: percast eval fetch-weights --metrics fid")
    for name in ("0.png", "1.png"):
        shutil.copy(photos / name, tmp_path)
    run = evaluate("--source", tmp_path, "--snr", "-1,19", "--metrics", "fid", "--json")
    noisy, clean = (point["fid"] for point in run.json["points"])
    assert run.json["fid_patches"] == 2 and 0 < clean < noisy
    assert "over 2 patches" in run.err


def test_unreadable_pictures_are_named_and_skipped(evaluate, one_photo, tmp_path, caplog):
    (tmp_path / "text.png").write_text("I am no picture.\n")
    with pytest.raises(FileError):
        evaluate("--source", tmp_path)
    shutil.copy(one_photo / "one.png", tmp_path)
    caplog.clear()
    result = evaluate("--source", tmp_path, "--metrics", "psnr", "--json").json
    assert (result["pictures"], result["skipped"]) == (1, 1)
    assert "text.png" in caplog.text


def test_ctrl_c_keeps_what_was_computed(popen, photos, tmp_path):
    points = ",".join(map(str, np.arange(-1, 19, 0.1).round(1)))
    process = popen(
        [sys.executable, "-m", "percast.tools.cli", "eval", "--source", str(photos),
         "--snr", points, "--metrics", "psnr", "--json", "--out", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    table = tmp_path / "pictures.csv"
    deadline = time.monotonic() + 60
    while not (table.exists() and table.read_text().count("\n") > 5):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    result = json.loads(out)
    assert result["interrupted"] is True
    assert json.loads((tmp_path / "summary.json").read_text()) == result
    rows = sum(point["pictures"] for point in result["points"])
    assert rows >= 5 and abs(table.read_text().count("\n") - 1 - rows) <= 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--cbr", "1/7"], "1/48"),
        (["--cbr", "1/48,many"], "--cbr"),
        (["--snr", "abc"], "--snr"),
        (["--snr", "1,,10"], "--snr"),
        (["--snr", "500"], "--snr"),
        (["--realism", "0,2"], "realism"),
        (["--metrics", "psnr,beauty"], "lpips-vgg"),
        (["--design-snr", "25"], "25 dB"),
        (["--frames", "0"], "--frames"),
        (["--size", "10x10"], "--size"),
        (["--threads", "0"], "--threads"),
        (["--channel", "tdl-c"], "--waveform"),
        (["--channel", "ether", "--waveform"], "--channel"),
        (["--erased", "1.2"], "--erased"),
        (["--waveform", "--erased", "0.2"], "--erased"),
        (["--doppler", "5"], "--waveform"),
        (["--waveform", "--papr", "1"], "--papr"),
        (["--waveform", "--profile", "fast"], "standard-4m"),
        (["--seed", "-1"], "--seed"),
        (["--engine", "abacus"], "openvino"),
    ],
)
def test_a_wrong_flag_is_refused_before_any_work(flags, words, small_photos, tmp_path):
    with pytest.raises(UsageError, match=words) as caught:
        args = parse("--source", str(small_photos), "--out", str(tmp_path / "out"), *flags)
        args.main(args)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["eval"], 2, "--source"),
        (["eval", "--source", "/nowhere"], 6, "nowhere"),
        (["eval", "--source", "PHOTOS", "--model", "grand"], 4, "base"),
        (["eval", "fetch-weights", "--metrics", "beauty"], 2, "dists"),
    ],
)
def test_the_exit_codes_are_those_of_every_verb(percast, small_photos, argv, code, words):
    run = percast(*(small_photos if word == "PHOTOS" else word for word in argv))
    assert run.code == code
    assert words in run.complaint
