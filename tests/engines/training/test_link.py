# SPDX-License-Identifier: GPL-3.0-or-later
"""What is trained, and what validation scores, is what is sent and received later."""

# ruff: noqa: E402 - the imports must follow importorskip
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from percast.engines.codecs.learned import LearnedCodec
from percast.engines.metrics import psnr
from percast.engines.training import channel
from percast.engines.training.channel import Conditions
from percast.engines.training.config import Config
from percast.engines.training.data.pictures import Pictures
from percast.engines.training.link import Link
from percast.engines.training.records import weights
from percast.engines.training.validation import Validation

HEIGHT, WIDTH = 96, 128


@pytest.fixture(scope="module")
def config(model) -> Config:
    return Config(steps=1, snr_db=model.snr_db, clipping_db=0.0)


@pytest.fixture(scope="module")
def link(model, config):
    made = Link(config).eval().requires_grad_(False)
    weights.initial(made, str(model.folder))
    return made


@pytest.fixture(scope="module")
def picture(draw):
    return draw(HEIGHT, WIDTH)


def one(value, kind=torch.float32):
    return torch.tensor([value], dtype=kind)


@pytest.mark.parametrize(
    ("channels", "snr_db", "fades", "realism"),
    [(16, 3.0, False, 0.0), (64, 17.0, True, 1.0), (32, 10.0, False, 0.6)],
)
def test_a_link_is_the_codec_and_the_channel_between(
    model, link, picture, channels, snr_db, fades, realism
):
    c = Conditions(
        one(channels, torch.int64), one(snr_db), one(fades, torch.bool), one(0.1), one(realism)
    )
    air = channel.draw_air(c, HEIGHT // 16, WIDTH // 16, torch.Generator().manual_seed(1))
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    expected, sent = link(image, c, air)

    cbr = Fraction(channels, 1536)
    with LearnedCodec(model, cbr, snr_db, realism, "onnxruntime", "fp32") as codec:
        coded, symbols = codec.encode(picture)
        planes = sent[0, :channels].numpy()
        np.testing.assert_allclose(symbols, (planes[0::2] + 1j * planes[1::2]).ravel(), atol=2e-3)
        received, noise_var = channel.propagate(sent, c.channels, c.snr_db, air)
        planes = received[0, :channels].numpy()
        on_air = (planes[0::2] + 1j * planes[1::2]).ravel().astype(np.complex64)
        found = codec.decode(coded, on_air, noise_var[0, : channels // 2].numpy().ravel())
    shown = (expected[0].clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(found - shown).max() <= 2  # the level travels in 1/256 dB


POINTS = ((8, 10.0, 1.0), (32, 10.0, 1.0), (32, 10.0, 0.0), (32, 0.0, 1.0), (96, 19.0, 0.0))


def test_validation_scores_its_very_points(model, config, link, picture, add_noise):
    """Each within 0.8 dB of the codec's own, through other noise; rates and SNRs lie further
    apart."""
    validation = Validation(
        Pictures(picture.reshape(-1, 3), np.array([[HEIGHT, WIDTH]])),
        replace(config, validation_points=POINTS, validation_pictures=1),
        torch.device("cpu"),
        None,
    )
    scores, _ = validation(link)
    found = [scores[name].psnr_db for name in validation.names]
    expected = []
    for channels, snr_db, realism in POINTS:
        with LearnedCodec(
            model, Fraction(channels, 1536), snr_db, realism, "onnxruntime", "fp32"
        ) as codec:
            coded, symbols = codec.encode(picture)
            received = codec.decode(coded, *add_noise(symbols, snr_db))
            expected.append(psnr(picture, received))
    assert found == pytest.approx(expected, abs=0.8)
    assert np.diff(sorted(expected[1:2] + expected[:1] + expected[3:])).min() > 1
    assert found[1] != found[2]  # the same noise: a realism that was ignored would score the same
