# SPDX-License-Identifier: GPL-3.0-or-later
from fractions import Fraction

import numpy as np
import pytest

from percast.engines.codecs.config import CodecConfig
from percast.engines.evaluation.baselines import hevc_ldpc
from percast.engines.evaluation.evaluate import Arrival, Evaluation
from percast.engines.evaluation.symbol_channel import SymbolChannel
from percast.errors import UsageError

RATES = [Fraction(1, 96), Fraction(1, 48)]


class Counting:
    """The training channel, and what was asked of it."""

    def __init__(self, deaf_to=()):
        self.asked, self._deaf_to = [], deaf_to

    def __call__(self, coded, symbols, snr_db, picture):
        self.asked.append((coded.cbr, coded.design_snr_db, snr_db, picture))
        if picture in self._deaf_to:
            return None
        law = SymbolChannel()
        air = law.air(len(symbols), picture)
        return Arrival(coded, *law.propagate(symbols, snr_db, air), {"lost_share": 0.25})


def evaluate(model, pictures, channel, snrs=(4.0, 10.0), realisms=(0.0, 1.0), **options):
    options = {"metrics": ("psnr", "ms-ssim"), **options}
    config = CodecConfig(model=str(model.folder), threads=1)
    with Evaluation(config, RATES, list(snrs), list(realisms), channel, **options) as evaluation:
        rows = list(evaluation.rows(pictures))
        return rows, evaluation.summary()


@pytest.fixture(scope="module")
def pictures(draw):
    return [("wide", draw(65, 97)), ("small", draw(64, 64, seed=1))]


def test_every_point_is_scored_and_the_same_symbols_serve_every_realism(model, pictures):
    channel = Counting()
    rows, summary = evaluate(model, pictures, channel)
    assert len(rows) == 2 * 2 * 2 * 2 and len(summary) == 8
    # Encoded for the SNR of the channel; sent once for each rate, SNR and picture.
    expected = [(cbr, snr, snr, n) for n in range(2) for cbr in RATES for snr in (4.0, 10.0)]
    assert channel.asked == expected
    assert [row.picture for row in rows] == ["wide"] * 8 + ["small"] * 8
    for point in summary:
        assert point["pictures"] == point["received"] == 2
        alone = [r.figures["psnr_db"] for r in rows
                 if (str(r.point.cbr), r.point.snr_db, r.point.realism)
                 == (point["cbr_asked"], point["snr_db"], point["realism"])]  # fmt: skip
        assert point["psnr_db"] == pytest.approx(np.mean(alone))
        assert point["lost_share"] == 0.25
        assert 10 < point["psnr_db"] < 60 and point["decode_ms"] > 0 < point["encode_ms"]


def test_the_rate_is_what_was_really_sent(model, pictures):
    rows, summary = evaluate(model, pictures, Counting(), snrs=(10.0,), realisms=(1.0,))
    sent = {(row.picture, str(row.point.cbr)): row.cbr for row in rows}
    assert sent["small", "1/48"] == pytest.approx(1 / 48)
    assert sent["wide", "1/48"] == pytest.approx(16 * 5 * 7 / (3 * 65 * 97))
    samples = {row.picture: 3 * row.width * row.height for row in rows}
    symbols = {name: sent[name, "1/48"] * count for name, count in samples.items()}
    assert summary[1]["cbr"] == pytest.approx(sum(symbols.values()) / sum(samples.values()))


def test_a_metric_that_a_picture_is_too_small_for_is_none(model, pictures):
    rows, summary = evaluate(model, pictures, Counting(), snrs=(10.0,))
    assert all(row.figures["ms_ssim"] is None for row in rows)
    assert all(point["ms_ssim"] is None for point in summary)


def test_a_picture_that_never_arrives_has_no_figures(model, pictures):
    rows, summary = evaluate(model, pictures, Counting(deaf_to=[0]), snrs=(10.0,), realisms=(1.0,))
    lost, found = rows[0], rows[2]
    assert not lost.received and lost.figures["psnr_db"] is None and lost.decode_ms is None
    assert found.received
    assert (summary[0]["pictures"], summary[0]["received"]) == (2, 1)
    assert summary[0]["psnr_db"] == found.figures["psnr_db"]


def test_fid_compares_the_pictures_that_arrived_with_their_originals(model, pictures, monkeypatch):
    """A picture that never arrives leaves the FID of the others as it is."""

    def features(picture):  # any will do; those of Inception need weights
        return picture.ravel()[: 4 * 2048].reshape(4, 2048).astype(np.float32)

    opened = "percast.engines.evaluation.evaluate.InceptionFeatures.open"
    monkeypatch.setattr(opened, lambda threads: features)
    options = {"snrs": (10.0,), "realisms": (1.0,), "metrics": ("fid",)}
    alone = evaluate(model, pictures[:1], Counting(), **options)[1]
    beside_a_lost_one = evaluate(model, pictures, Counting(deaf_to=[1]), **options)[1]
    assert [point["fid"] for point in beside_a_lost_one] == [point["fid"] for point in alone]
    assert all(point["fid"] > 0 for point in alone)


def test_the_design_snr_follows_the_channel_as_far_as_the_model_goes(model, pictures):
    low, high = model.snr_db
    channel = Counting()
    evaluate(model, pictures[:1], channel, snrs=(-5.0, 8.0, 40.0), realisms=(1.0,))
    assert [asked[1] for asked in channel.asked[:3]] == [low, 8.0, high]
    channel = Counting()
    evaluate(model, pictures[:1], channel, snrs=(1.0, 40.0), realisms=(1.0,), design_snr_db=6.0)
    assert {asked[1] for asked in channel.asked} == {6.0}


def test_better_conditions_give_better_pictures(model, pictures):
    _, summary = evaluate(model, pictures, Counting(), realisms=(0.0,))
    worst, louder, longer, best = (point["psnr_db"] for point in summary)
    assert worst < min(louder, longer) and max(louder, longer) < best


@pytest.mark.parametrize(
    "wrong", [{"realisms": (2.0,)}, {"design_snr_db": 60.0}, {"cbrs": [Fraction(1, 7)]}]
)
def test_what_the_model_cannot_do_is_refused_before_a_network_is_loaded(model, wrong, monkeypatch):
    monkeypatch.setattr("percast.engines.runtimes.slot.open_engine", None)  # would be a TypeError
    options = {"cbrs": RATES, "snrs_db": [10.0], "realisms": [1.0], "channel": Counting()}
    with pytest.raises(UsageError):
        Evaluation(CodecConfig(model=str(model.folder)), **options | wrong)


def test_pictures_that_cannot_be_decoded_are_counted_and_have_no_figures(pictures):
    config = CodecConfig(codec="tests.engines.codecs.own:Fragile")  # at the second one
    options = {"cbrs": RATES[:1], "snrs_db": [10.0], "realisms": [1.0], "channel": Counting()}
    with Evaluation(config, **options, metrics=("psnr",)) as evaluation:
        rows = list(evaluation.rows([pictures[1]] * 2))
        (point,) = evaluation.summary()
    assert [row.undecodable for row in rows] == [False, True]
    assert [row.figures["psnr_db"] is None for row in rows] == [False, True]
    assert (point["pictures"], point["received"], point["undecodable"]) == (2, 2, 1)
    assert point["decoded"] == 1
    assert point["psnr_db"] == pytest.approx(rows[0].figures["psnr_db"])


@pytest.mark.parametrize(
    ("codec", "unencodable", "reason"),
    [("RaisesInEncode", True, "a bright idea"), ("RaisesInDecode", False, "a dark thought")],
)
def test_what_the_codec_is_to_blame_for_costs_one_picture(pictures, codec, unencodable, reason):
    config = CodecConfig(codec=f"tests.engines.codecs.own:{codec}")  # at the second one
    options = {"cbrs": RATES[:1], "snrs_db": [10.0], "realisms": [1.0], "channel": Counting()}
    with Evaluation(config, **options, metrics=("psnr",)) as evaluation:
        first, second, third = evaluation.rows([pictures[1]] * 3)
        (point,) = evaluation.summary()
    assert reason in second.fault and first.fault is third.fault is None
    assert (second.unencodable, second.undecodable) == (unencodable, not unencodable)
    assert second.received is not unencodable and second.figures["psnr_db"] is None
    assert (point["pictures"], point["received"]) == (3, 3 - unencodable)
    assert point["decoded"] == 2
    assert point["cbr"] == pytest.approx(first.cbr)  # of what was sent
    left = [row.figures["psnr_db"] for row in (first, third)]
    assert point["psnr_db"] == pytest.approx(np.mean(left))


def test_a_codec_that_cannot_get_ready_is_scored_all_the_same(pictures):
    config = CodecConfig(codec="tests.engines.codecs.own:Cold")
    options = {"cbrs": RATES[:1], "snrs_db": [10.0], "realisms": [1.0], "channel": Counting()}
    with Evaluation(config, **options, metrics=("psnr",)) as evaluation:
        (row,) = evaluation.rows([pictures[1]])
    assert row.fault is None and row.figures["psnr_db"] > 10


def test_the_baseline_improves_with_rate_and_snr():
    points = {(p.cbr, p.snr_db): p for p in hevc_ldpc()}
    assert len(points) == 20
    assert points[Fraction(1, 48), 10.0].lpips == 0.283
    assert points[Fraction(1, 24), 1.0].psnr_db == 27.5
    for (cbr, snr_db), point in points.items():
        for better in ((2 * cbr, snr_db), (cbr, snr_db + 3)):
            if better in points:
                assert points[better].lpips < point.lpips
                assert points[better].psnr_db > point.psnr_db
