# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import skimage.data

from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.contract import Undecodable
from percast.engines.codecs.digital.codec import DigitalCodec, DoesNotFit
from percast.engines.codecs.digital.schemes import SCHEMES, thresholds
from percast.engines.codecs.learned import LearnedCodec
from percast.engines.codecs.registry import open_codec
from percast.engines.evaluation.symbol_channel import SymbolChannel
from percast.engines.metrics import psnr
from percast.errors import ModelError, UsageError

NAMES = ("hevc-ldpc", "vvc-ldpc", "jpeg-ldpc", "webp-ldpc")


def opened(name: str = "hevc-ldpc", **config) -> DigitalCodec:
    try:
        return open_codec(name, CodecConfig(**config))
    except UsageError as error:
        if "pip install" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.coffee()[100:292, 100:356])


@pytest.fixture(scope="module")
def codec() -> DigitalCodec:
    return opened(cbr=Fraction(1, 24))


@pytest.fixture(scope="module")
def sent(codec, photo):
    return codec.encode(photo)


def through(symbols, snr_db, seed=0, fading="awgn"):
    channel = SymbolChannel(fading, seed=seed)
    return channel.propagate(symbols, snr_db, channel.air(len(symbols), 0))


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_comes_back_through_noise(name, photo):
    codec = opened(name, cbr=Fraction(1, 24))
    coded, symbols = codec.encode(photo)
    rgb = codec.decode(coded, *through(symbols, 10.5))
    assert psnr(photo, rgb) > 24


@pytest.mark.parametrize("cbr", [Fraction(1, n) for n in (96, 48, 24, 16)])
@pytest.mark.parametrize("size", [(192, 256), (113, 91), (64, 64), (100, 230)])
def test_it_takes_the_symbols_of_the_learned_code(model, cbr, size):
    learned = LearnedCodec(model, cbr, roles=())
    assert opened().symbol_count(*size, cbr) == learned.symbol_count(*size, cbr)


def test_mean_power_is_one_to_the_last_digit(codec, photo):
    for mcs in (3, 8, 15, 27):
        _, symbols = opened(cbr=codec.cbr, mcs=str(mcs)).encode(photo)
        assert len(symbols) == codec.symbol_count(*photo.shape[:2], codec.cbr)
        assert np.mean(np.abs(symbols.astype(complex)) ** 2) == pytest.approx(1, abs=1e-5)


def test_auto_takes_the_fastest_that_gets_through():
    fastest = [opened(design_snr_db=snr_db).scheme.information for snr_db in (-5, 1, 10, 20, 30)]
    assert fastest == sorted(fastest) and fastest[-1] == SCHEMES[-1].information
    least = thresholds()[11]
    assert opened(design_snr_db=least + 0.3).scheme.index == 11
    assert opened(design_snr_db=least).scheme.index == 10


def test_thresholds_rise_with_the_rate_and_stay_above_shannon():
    """But where 16-QAM begins, and 64- and 256-QAM: the table of 38.214 has crossings there."""
    measured = thresholds()
    assert list(measured) == list(range(len(SCHEMES)))
    for scheme in SCHEMES:
        limit = 10 * np.log10(2**scheme.information - 1)
        assert limit < measured[scheme.index] < limit + 3
        assert measured[scheme.index] < thresholds("rayleigh")[scheme.index]
    assert (np.diff(list(measured.values())) > 0).all()


def test_what_is_chosen_for_fading_gets_through_it_and_what_is_for_awgn_does_not(photo):
    def decode(mcs: str, fading: str):
        codec = opened(mcs=mcs, design_snr_db=10.0)
        coded, symbols = codec.encode(photo)
        return codec.decode(coded, *through(symbols, 10, fading=fading))

    decode("auto", "awgn")
    decode("rayleigh", "rayleigh")
    with pytest.raises(Undecodable):
        decode("auto", "rayleigh")


def test_the_cliff(codec, photo, sent):
    """All of it a little above the threshold, nothing a decibel and a half below."""
    coded, symbols = sent
    threshold = thresholds()[codec.scheme.index]
    for seed in range(5):
        codec.decode(coded, *through(symbols, threshold + 0.5, seed))
        with pytest.raises(Undecodable, match="bits are wrong") as raised:
            codec.decode(coded, *through(symbols, threshold - 1.5, seed))
        assert raised.value.figures == {"bits_per_symbol": codec.scheme.information}
        assert raised.value.instead is None


def test_nothing_that_never_arrived_is_shown(codec, sent):
    coded, symbols = sent
    nothing = np.full(len(symbols), np.inf, np.float32)
    with pytest.raises(Undecodable):
        codec.decode(coded, np.zeros_like(symbols), nothing)
    with pytest.raises(Undecodable):
        codec.decode(coded, np.full_like(symbols, np.nan), np.zeros_like(nothing))


def test_each_symbol_counts_by_its_own_noise(codec, sent, photo):
    """A quarter of them 10 dB worse than the rest, as the receiver says: still all of it; were they
    trusted like the others, nothing."""
    coded, symbols = sent
    rng = np.random.default_rng(1)
    noise_var = np.where(rng.random(len(symbols)) < 0.25, 0.3, 0.03).astype(np.float32)
    noise = rng.standard_normal(2 * len(symbols), np.float32).view(np.complex64)
    received = symbols + np.sqrt(noise_var / 2) * noise
    codec.decode(coded, received, noise_var)
    with pytest.raises(Undecodable):
        codec.decode(coded, received, np.full_like(noise_var, 0.03))


def test_concealment_is_the_last_picture_or_grey(photo):
    noise_var = np.float32(10)
    for conceal in ("last", "grey"):
        codec = opened("jpeg-ldpc", cbr=Fraction(1, 12), conceal=conceal)
        coded, symbols = codec.encode(photo)
        bad = symbols, np.full(len(symbols), noise_var)
        with pytest.raises(Undecodable) as raised:
            codec.decode(coded, *bad)
        assert (raised.value.instead == 128).all() and raised.value.instead.shape == photo.shape
        shown = codec.decode(coded, symbols, np.full(len(symbols), np.float32(0.01)))
        with pytest.raises(Undecodable) as raised:
            codec.decode(coded, *bad)
        expected = shown if conceal == "last" else np.full_like(photo, 128)
        np.testing.assert_array_equal(raised.value.instead, expected)


def test_a_header_that_lies_is_refused(codec, sent):
    coded, symbols = sent
    noise_var = np.full(len(symbols), np.float32(0.01))
    size = coded.codec_word >> 12
    for word, reason in (
        (coded.codec_word | 31, "scheme 31"),
        (coded.codec_word & 0xFFF | 0xFFFFF << 12, "more bytes"),
        (coded.codec_word & ~31 | 12, "bits are wrong"),
        (coded.codec_word & 0xFFF | size // 40 << 12, "HEVC"),
        (coded.codec_word & 0xFFF, "HEVC"),
    ):
        with pytest.raises(Undecodable, match=reason):
            codec.decode(replace(coded, codec_word=word), symbols, noise_var)
    with pytest.raises(ModelError, match="codec 2"):
        opened("jpeg-ldpc").decode(coded, symbols, noise_var)
    with pytest.raises(ModelError, match="no rate"):
        codec.symbols_expected(replace(coded, cbr=Fraction(1, 47)))
    taller = replace(coded, height=coded.height - 3)  # the same number of symbols
    with pytest.raises(Undecodable):
        codec.decode(taller, symbols, noise_var)


def test_a_thousand_random_payloads_are_refused(codec, sent):
    """Symbols and headers of noise: whatever a header says, one clear line and no crash."""
    coded, symbols = sent
    rng = np.random.default_rng(3)
    for _ in range(1_000):
        word = int(rng.integers(1 << 32))
        noise = rng.standard_normal(2 * len(symbols), np.float32).view(np.complex64)
        noise_var = np.float32(10 ** rng.uniform(-3, 3))
        with pytest.raises(Undecodable):
            codec.decode(replace(coded, codec_word=word), noise, np.full(len(symbols), noise_var))


def test_a_thousand_random_pictures_with_good_checks_are_refused(codec, sent, photo):
    """A sender that means harm: its bits arrive and are no HEVC picture."""
    source, coded = codec._source, sent[0]
    rng = np.random.default_rng(4)
    for _ in range(1_000):
        data = b"\0\0\0\1" + rng.bytes(int(rng.integers(600)))
        codec._source = type("Liar", (), {"encode_within": lambda *_, data=data: data})()
        try:
            coded, symbols = codec.encode(photo)
        finally:
            codec._source = source
        with pytest.raises(Undecodable, match="HEVC"):
            codec.decode(coded, symbols, np.full(len(symbols), np.float32(0.01)))


def test_what_does_not_fit_is_said(photo):
    noisy = np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8)
    with pytest.raises(DoesNotFit, match="give a higher --cbr"):
        opened(cbr=Fraction(1, 192), mcs="0").encode(noisy)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"cbr": Fraction(1, 47)}, "no rate 1/47"),
        ({"cbr": Fraction(1, 768)}, "no rate 1/768"),
        ({"mcs": "28"}, "no scheme '28'"),
        ({"mcs": "x"}, "no scheme 'x'"),
        ({"design_snr_db": -20.0}, "no modulation and coding scheme"),
        ({"conceal": "x"}, "conceal"),
    ],
)
def test_what_there_is_not_is_one_clear_line(config, reason):
    with pytest.raises(UsageError, match=reason):
        opened(**config)


def test_a_size_that_cannot_be_sent_is_refused():
    with pytest.raises(UsageError, match="use --size"):
        opened().encode(np.zeros((63, 64, 3), np.uint8))


def test_the_same_codec_at_another_rate(codec, photo):
    other = codec.at(cbr=Fraction(1, 12), design_snr_db=4.0)
    coded, symbols = other.encode(photo)
    assert len(symbols) == 64 * 12 * 16 and other.scheme.information < codec.scheme.information
    assert psnr(photo, codec.decode(coded, *through(symbols, 4.5))) > 25
