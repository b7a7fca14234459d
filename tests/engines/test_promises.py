# SPDX-License-Identifier: GPL-3.0-or-later
"""What the shipped model promises, whichever weights it has: a dial from faithful to lifelike, and
quality that follows rate, SNR and losses without a cliff.

Every figure is a mean over three photographs.
"""

from fractions import Fraction

import numpy as np
import pytest

from percast.engines.codecs.config import CodecConfig
from percast.engines.evaluation.evaluate import METRICS, Arrival, Evaluation
from percast.engines.evaluation.symbol_channel import SymbolChannel
from percast.engines.metrics import find_weights

RATES = [Fraction(1, n) for n in (192, 96, 48, 24, 16)]
AT_1_48 = [Fraction(1, 48)]
DIAL = [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.fixture(scope="module")
def crops():
    """Photographs that scikit-image carries, 192x192."""
    import skimage.data

    places = (("astronaut", 0, 130), ("chelsea", 20, 150), ("coffee", 130, 180))
    return [
        (name, np.ascontiguousarray(getattr(skimage.data, name)()[y : y + 192, x : x + 192]))
        for name, y, x in places
    ]


@pytest.fixture(scope="module")
def measure(model, crops):
    """(rates, SNRs, realisms, ...) -> means at each point by figure; skips without LPIPS."""
    if find_weights("lpips") is None:
        pytest.skip("no weights of LPIPS: percast eval fetch-weights")

    def measure(
        cbrs, snrs, realisms, law=None, design_snr_db=None, metrics=("psnr", "lpips")
    ) -> dict[str, list]:
        law = law or SymbolChannel()

        def send(coded, symbols, snr_db, picture):
            air = law.air(len(symbols), picture)
            return Arrival(coded, *law.propagate(symbols, snr_db, air), {})

        config = CodecConfig(model=str(model.folder))
        with Evaluation(config, cbrs, snrs, realisms, send, metrics, design_snr_db) as evaluation:
            for _ in evaluation.rows(crops):
                pass
            summary = evaluation.summary()
        return {name: [point[METRICS[name]] for point in summary] for name in metrics}

    return measure


def test_the_dial_goes_from_faithful_to_lifelike(measure):
    """At 10 dB and every rate; the same received symbols decoded five times. LPIPS falls at every
    step and by 10% in all, PSNR falls gently: at most 0.3 dB a step and 0.8 dB in all."""
    found = measure(RATES, [10.0], DIAL)
    lpips, psnr = (np.reshape(found[name], (5, 5)) for name in ("lpips", "psnr"))
    assert (np.diff(lpips) < 0).all(), lpips
    assert (lpips[:, -1] < 0.9 * lpips[:, 0]).all(), lpips
    falls = psnr[:, 0] - psnr[:, -1]
    assert (np.abs(np.diff(psnr)) < 0.3).all() and (falls > 0).all() and (falls < 0.8).all(), psnr


def test_dists_follows_the_dial(measure):
    """In halves, at three rates: it falls in the first one and holds in the second, within .003."""
    if find_weights("dists") is None:
        pytest.skip("no weights of DISTS: percast eval fetch-weights --metrics dists")
    found = measure(RATES[1:4], [10.0], DIAL[::2], metrics=("dists",))
    dists = np.reshape(found["dists"], (3, 3))
    steps = np.diff(dists)
    assert (steps[:, 0] < -0.003).all() and (np.abs(steps[:, 1]) < 0.003).all(), dists
    assert (dists[:, -1] < dists[:, 0] - 0.003).all(), dists


def test_quality_rises_with_the_rate(measure):
    found = measure(RATES, [10.0], [1.0])
    lpips, psnr = (np.diff(found[name]) for name in ("lpips", "psnr"))
    assert (lpips < -0.01).all(), lpips
    assert (psnr > 0.5).all(), psnr


def test_quality_rises_with_the_snr(measure):
    snrs = [-1.0, 1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0]
    found = measure(RATES[1:4], snrs, [1.0])
    lpips, psnr = (np.diff(np.reshape(found[name], (3, 8))) for name in ("lpips", "psnr"))
    assert (lpips < 0).all(), lpips
    assert (psnr > 0).all(), psnr


def test_there_is_no_cliff_for_a_sender_who_is_wrong_about_the_snr(measure):
    snrs = [-1.0, 1.0, 3.0, 5.0, 7.0, 10.0]
    lpips = np.diff(measure(AT_1_48, snrs, [1.0], design_snr_db=10.0)["lpips"])
    assert (lpips < 0).all() and (lpips > -0.08).all(), lpips


def test_a_picture_survives_the_loss_of_30_percent_of_its_symbols(measure):
    rates = [Fraction(1, 96), Fraction(1, 24)]
    whole, holed = (
        measure(rates, [10.0], [1.0], SymbolChannel(erased=share))["lpips"] for share in (0, 0.3)
    )
    for before, after in zip(whole, holed, strict=True):
        assert before < after < before + 0.1, (whole, holed)
