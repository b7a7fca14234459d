# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes of a store: read by others, exported, decoded again; and recordings as campaigns."""

import contextlib
import csv
import json
import math
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from percast.engines.manifest import load_model, sha256_of
from percast.engines.metrics import psnr
from percast.errors import FileError, ModelError, UsageError
from percast.tools.campaign.arrived import unpack
from percast.tools.campaign.crews import Alone
from percast.tools.campaign.exporting import write
from percast.tools.campaign.frozen import changed
from percast.tools.campaign.pictures import from_png
from percast.tools.campaign.places import newest_store
from percast.tools.campaign.remetric import Again, decode_again, remetric
from percast.tools.campaign.running import plan_of
from percast.tools.campaign.store import Store
from tests.tools.campaign import plans

TEXT = plans.SMALL.replace("waveform = false", "") + '[[codec]]\ncodec = "hevc-ldpc"\n'


@pytest.fixture(scope="module")
def made(small_photos, tmp_path_factory) -> Path:
    """Two pictures by two codecs through the waveform; at the lowest rate HEVC does not fit."""
    pytest.importorskip("av")
    folder = tmp_path_factory.mktemp("made")
    plan = plans.write(folder, small_photos, TEXT)
    changes = ("pictures.frames=2", "conditions.snr=12", "conditions.realism=[1, 0]",
               "codec.2.cbr=1/192,1/12")  # fmt: skip
    return plans.run(folder / "made.sqlite", plan, *changes)


@pytest.fixture
def copy(made, tmp_path) -> Path:
    return Path(shutil.copy(made, tmp_path / "copy.sqlite"))


def test_what_was_measured_belongs_to_the_pictures_that_were_kept(made):
    with Store.open(made) as store:
        rows = store.rows()
        assert len(rows) == 12 and len({row["cell"] for row in rows}) == 12
        for row in rows:
            image = store.picture(row["cell"])
            if row["error"]:
                assert image is None and row["psnr_db"] is None and row["codec"] == "hevc-ldpc"
                continue
            original, picture = from_png(store.reference(row["picture_sha256"])), from_png(image)
            assert psnr(original, picture) == pytest.approx(row["psnr_db"])
            assert row["cbr_sent"] == pytest.approx(row["cbr"]) == row["symbols"] / original.size
            assert row["snr_db_measured"] == pytest.approx(row["snr_db_set"], abs=1)
            parts = row["encode_s"] + row["air_s"] + row["decode_s"]
            assert row["latency_s"] == pytest.approx(parts)
            assert row["lpips"] is row["dists"] is None, "was not asked for"


def test_a_picture_that_does_not_fit_is_a_row_that_says_so(made):
    with Store.open(made) as store:
        lost = [row for row in store.rows() if row["cbr_asked"] == "1/192"]
        counts = store.counts()
    assert len(lost) == 2 and not any(row["received"] for row in lost)
    assert all("does not fit" in row["error"] or "bytes" in row["error"] for row in lost), lost
    assert counts["shots_failed"] == 2 and counts["shots_lost"] == 0


def test_what_figures_depend_on_is_frozen(made):
    with Store.open(made) as store:
        frozen = store.frozen()
    model = load_model("base")
    assert frozen["models"]["base"]["id"] == model.id.hex()
    manifest = sha256_of(model.folder / "manifest.json")
    assert frozen["models"]["base"]["sha256"]["manifest.json"] == manifest
    assert frozen["plan"]["parsed"]["conditions"]["snr"] == 12
    assert frozen["libraries"]["numpy"] == np.__version__
    assert {"percast_version", "commit", "seeds", "clock", "note", "command", "device"} <= set(
        frozen
    )


def test_csv_and_parquet_hold_every_row_and_column(made, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    with Store.open(made) as store:
        rows = store.rows()
        for name in ("a.csv", "a.parquet"):
            write(tmp_path / name, store, rows)
        frozen = store.frozen()
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.to_pylist() == rows
    assert json.loads(table.schema.metadata[b"percast"]) == frozen
    with open(tmp_path / "a.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [set(line) for line in lines] == [set(row) for row in rows]
    for line, row in zip(lines, rows, strict=True):
        assert line["picture"] == row["picture"] and int(line["received"]) == row["received"]
        assert line["psnr_db"] == ("" if row["psnr_db"] is None else str(row["psnr_db"]))


def again(path: Path, **wanted) -> tuple[int, list[dict]]:
    asked = Again(**{"realism": None, "model": None, "metrics": ("psnr", "ms-ssim")} | wanted)
    with Store.open(path, write=True) as store:
        decode, _ = remetric(store, asked, Alone(decode_again), False, lambda done: None)
        return decode, [row for row in store.rows() if row["decode"] == decode]


def test_what_was_received_is_decoded_again_from_its_symbols(copy):
    """The same decoder gives the same figures; nothing of the run is changed."""
    with Store.open(copy) as store:
        before = {row["cell"]: row for row in store.rows()}
    decode, rows = again(copy)
    assert decode == 1 and {row["cell"] for row in rows} == set(before)
    for row in rows:
        first = before[row["cell"]]
        assert row["psnr_db"] == pytest.approx(first["psnr_db"]) or first["psnr_db"] is None
        assert row["sent_at"] == first["sent_at"] and row["error"] == first["error"]
    with Store.open(copy) as store:
        assert {r["cell"]: r for r in store.rows() if r["decode"] == 0} == before
    assert again(copy)[0] == 1, "asked for again, it is not done again"


def test_only_what_was_sent_at_an_snr_or_over_a_channel_is_decoded_again(small_photos, tmp_path):
    plan = plans.write(tmp_path, small_photos)
    changes = ("pictures.frames=1", "conditions.snr=6,12", "conditions.cbr=1/48")
    path = plans.run(tmp_path / "two.sqlite", plan, *changes)
    decode, rows = again(path, snrs_db=(12.0,), channels=("awgn",))
    assert [row["snr_db_set"] for row in rows] == [12]
    decode, rows = again(path)
    assert decode == 1 and {row["snr_db_set"] for row in rows} == {6, 12} and len(rows) == 2
    with pytest.raises(UsageError, match="--snr 6,12, --channel awgn"):
        again(path, snrs_db=(12.0,), channels=("rayleigh",))


def test_another_realism_and_another_model_are_passes_of_their_own(copy):
    decode, rows = again(copy, realism=0.5)
    assert {row["realism"] for row in rows} == {0.5, None} and len(rows) == 8
    other, mse = again(copy, model="mse")
    assert other == decode + 1 and {row["model"] for row in mse} == {"mse"}
    assert {row["codec"] for row in mse} == {"learned"}, "another model is not for HEVC"
    with Store.open(copy) as store:
        assert len(store.passes()) == 3


def test_a_campaign_does_not_go_on_with_another_model(copy):
    """Other versions of all else are written down."""
    with Store.open(copy, write=True) as store:
        frozen, plan = store.frozen(), plan_of(store)
        assert changed(frozen, plan) == ""
        libraries = frozen["libraries"] | {"numpy": "1.0"}
        assert changed(frozen | {"libraries": libraries}, plan).startswith("numpy 1.0 -> ")
        frozen["models"]["base"]["sha256"]["generator.onnx"] = "0" * 64
        with pytest.raises(ModelError, match="not the one that this campaign began with"):
            changed(frozen, plan)


def test_without_symbols_nothing_is_decoded_again(small_photos, tmp_path):
    plan = plans.write(tmp_path, small_photos)
    changes = ("pictures.frames=1", "conditions.snr=6", "campaign.keep_symbols=false",
               "campaign.keep_pictures=false")  # fmt: skip
    path = plans.run(tmp_path / "x.sqlite", plan, *changes)
    with Store.open(path) as store:
        assert not store.keeps_symbols() and store.picture(1) is None
    with pytest.raises(UsageError, match="kept no symbols"):
        again(path)


def test_a_store_is_read_where_nothing_can_be_written(made, tmp_path):
    """From a stick: SQLite's readers usually write beside it."""
    folder = tmp_path / "stick"
    folder.mkdir()
    path = Path(shutil.copy(made, folder))
    path.chmod(0o444)
    folder.chmod(0o555)
    with Store.open(path) as store:
        assert len(store.rows()) == 12
    assert newest_store(folder) == path


def test_what_is_no_campaign_is_said_in_one_line(tmp_path):
    text = tmp_path / "a.sqlite"
    text.write_text("hello" * 1000)
    for path in (text, tmp_path / "none.sqlite"):
        with pytest.raises(FileError, match=path.name):
            Store.open(path)
    with pytest.raises(FileError, match="percast campaign run quick"):
        newest_store(tmp_path / "nowhere")


def test_a_recording_is_a_campaign(percast, small_photos, tmp_path):
    """Six pictures, of which the recorder lost one in the middle."""
    heard = tmp_path / "heard.cf32"
    sent = percast("tx", "--source", small_photos, "--device", "file", "--args", heard,
                   "--cbr", "1/24", "--profile", "robust-2m")  # fmt: skip
    assert sent.code == 0, sent.err
    samples = np.fromfile(heard, np.complex64)
    sounding = np.flatnonzero(samples)
    pauses = np.flatnonzero(np.diff(sounding) > 100)  # between pictures
    assert pauses.size == 5
    samples[sounding[pauses[2] + 1] : sounding[pauses[3]] + 1] = 0  # the fourth of six
    rng = np.random.default_rng(0)
    samples += 0.01 * rng.standard_normal(2 * samples.size).view(np.complex128)
    samples.astype(np.complex64).tofile(heard)
    plan = plans.write(
        tmp_path, small_photos,
        '[campaign]\nmedium = "recording"\nmetrics = ["psnr"]\n[pictures]\nsource = "{photos}"\n'
        '[conditions]\nrealism = [0, 1]\n[recording]\nprofile = "robust-2m"\n'
        f'path = "{heard}"\n',
    )  # fmt: skip
    path = plans.run(tmp_path / "recorded.sqlite", plan)
    with Store.open(path) as store:
        rows = store.rows()
        symbols = unpack(store.equalised(rows[0]["shot"])).symbols
    assert [row["picture_number"] for row in rows] == [n // 2 for n in range(12)]
    for row in rows:
        assert row["received"] == (row["picture_number"] != 3)
        if row["received"]:
            assert row["psnr_db"] > 15 and row["cbr_asked"] == "1/24"
            assert math.isfinite(row["snr_db_measured"])
    assert symbols.size == rows[0]["symbols"]


def test_a_record_that_is_damaged_is_one_line(copy, percast):
    with contextlib.closing(sqlite3.connect(copy)) as db, db:
        db.execute("UPDATE frozen SET value = substr(value, 1, 9) WHERE key = 'plan'")
    for verb in ("report", "resume"):
        found = percast("campaign", verb, copy)
        assert found.code == FileError.exit_code and "is damaged" in found.complaint
