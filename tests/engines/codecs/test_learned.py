# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from percast.engines.codecs.config import parse_cbr
from percast.engines.codecs.latent import from_word, to_word
from percast.engines.codecs.learned import LearnedCodec
from percast.engines.codecs.rates import channels_for_cbr
from percast.engines.metrics import Lpips, psnr
from percast.errors import ModelError, UsageError


@pytest.fixture(scope="module")
def codec(model):
    with LearnedCodec(model, Fraction(1, 48)) as codec:
        yield codec


def arrive(symbols, noise_var=1e-3):
    return symbols, np.full(symbols.size, noise_var, np.float32)


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (100, 2160), (161, 79)])
def test_pictures_of_any_size_come_back(codec, draw, size):
    picture = draw(*size)
    coded, symbols = codec.encode(picture)
    decoded = codec.decode(coded, *arrive(symbols))
    assert decoded.shape == picture.shape and decoded.dtype == np.uint8
    assert (coded.height, coded.width) == size
    assert psnr(picture, decoded) > 24


def test_symbols_have_unit_mean_power(codec, draw):
    for picture in (draw(64, 80), np.zeros((64, 64, 3), np.uint8), draw(64, 64) // 64 + 100):
        _, symbols = codec.encode(picture)
        assert symbols.dtype == np.complex64 and symbols.ndim == 1
        assert np.mean(np.abs(symbols) ** 2) == pytest.approx(1, abs=1e-4)


def test_as_many_symbols_are_sent_as_the_rate_says(codec, draw):
    coded, symbols = codec.encode(draw(128, 96))
    assert symbols.size / (3 * 128 * 96) == pytest.approx(1 / 48)
    assert codec.symbols_expected(coded) == symbols.size
    coded, symbols = codec.encode(draw(65, 97))
    assert symbols.size == codec.symbols_expected(coded) == 16 * 5 * 7
    assert symbols.size / (3 * 65 * 97) > 1 / 48  # the padding is sent as well


def test_symbols_are_planes_of_latent_channel_pairs(model, draw):
    picture = draw(64, 80)
    image = picture.transpose(2, 0, 1)[np.newaxis] / 255
    condition = np.array([[10 / 20, 32 / 96]])
    with LearnedCodec(model, Fraction(1, 48), precision="fp32", roles=("encode",)) as codec:
        _, symbols = codec.encode(picture)
        latent = codec.encoder.run({"image": image, "condition": condition})["latent"][0]
    planes = symbols.reshape(16, 4, 5)
    scale = 1 / np.sqrt(2 * np.mean(latent[:32] ** 2))
    np.testing.assert_allclose(planes.real, latent[0:32:2] * scale, atol=1e-3)
    np.testing.assert_allclose(planes.imag, latent[1:32:2] * scale, atol=1e-3)


def test_the_header_says_all_that_a_receiver_needs(codec, model, draw, add_noise):
    picture = draw(80, 64)
    with LearnedCodec(model, Fraction(1, 24), design_snr_db=4, realism=0.25) as sender:
        coded, symbols = sender.encode(picture)
    assert (coded.design_snr_db, coded.realism, coded.codec_word & 0xFF) == (4, 0.25, 64)
    assert (coded.cbr, coded.model_id) == (Fraction(1, 24), model.id)
    # The receiver was opened for another rate, and follows the header.
    assert psnr(picture, codec.decode(coded, *add_noise(symbols, 15))) > 24


def test_more_symbols_make_a_better_picture(model, draw, add_noise):
    picture = draw(128, 128, seed=3)
    scores = []
    for rate in (Fraction(1, 192), Fraction(1, 96), Fraction(1, 48), Fraction(1, 24)):
        with LearnedCodec(model, rate, realism=0) as codec:
            coded, symbols = codec.encode(picture)
            scores.append(psnr(picture, codec.decode(coded, *add_noise(symbols, 15))))
    assert scores == sorted(scores)


def test_more_noise_makes_a_worse_picture(codec, draw, add_noise):
    picture = draw(128, 128)
    coded, symbols = codec.encode(picture)
    scores = [psnr(picture, codec.decode(coded, *add_noise(symbols, snr))) for snr in (-1, 4, 10)]
    assert scores == sorted(scores)


def test_lost_symbols_only_add_noise(codec, draw, add_noise):
    picture = draw(128, 160)
    coded, symbols = codec.encode(picture)
    whole = psnr(picture, codec.decode(coded, *add_noise(symbols, 10)))
    received, noise_var = add_noise(symbols, 10)
    lost = np.random.default_rng(1).random(symbols.size) < 0.3
    received[lost], noise_var[lost] = 0, np.inf
    damaged = psnr(picture, codec.decode(coded, received, noise_var))
    assert whole - 8 < damaged < whole


@pytest.mark.parametrize("poison", [np.nan, np.inf, complex(0, np.nan), 1e25])
def test_symbols_that_are_no_numbers_count_as_lost(codec, draw, poison):
    coded, symbols = codec.encode(draw(64, 64))
    symbols, noise_var = arrive(symbols.copy())
    symbols[::5] = 0
    noise_var[::5] = np.inf
    expected = codec.decode(coded, symbols, noise_var)
    symbols[::5] = poison
    np.testing.assert_array_equal(codec.decode(coded, symbols, noise_var), expected)
    noise_var[::5] = 1e-3
    np.testing.assert_array_equal(codec.decode(coded, symbols, noise_var), expected)
    symbols[::5] = 1
    for nonsense in (np.nan, -1.0):
        noise_var[::5] = nonsense
        np.testing.assert_array_equal(codec.decode(coded, symbols, noise_var), expected)


def test_even_an_empty_reception_gives_a_picture(codec, draw):
    coded, symbols = codec.encode(draw(64, 64))
    nothing = np.zeros_like(symbols), np.full(symbols.size, np.inf, np.float32)
    assert codec.decode(coded, *nothing).shape == (64, 64, 3)


def test_a_noiseless_channel_is_no_division_by_zero(codec, draw):
    picture = draw(64, 64)
    coded, symbols = codec.encode(picture)
    assert psnr(picture, codec.decode(coded, *arrive(symbols, 0))) > 24


def test_the_receiver_may_override_the_realism(codec, draw, add_noise):
    coded, symbols = codec.encode(draw(64, 64))
    received = add_noise(symbols, 10)
    faithful = codec.decode(coded, *received, realism=0.0)
    assert not np.array_equal(faithful, codec.decode(coded, *received))
    asked = replace(coded, realism=0.0)
    np.testing.assert_array_equal(faithful, codec.decode(asked, *received))


PLAIN = [(12, 12, 14), (20, 40, 90), (128, 128, 128), (250, 60, 20)]


@pytest.mark.parametrize("rate", ["1/96", "1/24"])
def test_a_plain_colour_arrives_as_bright_as_it_was_thanks_to_its_level(model, add_noise, rate):
    errors = []
    with LearnedCodec(model, Fraction(rate), realism=0) as codec:
        for colour in PLAIN:
            coded, symbols = codec.encode(np.full((64, 96, 3), colour, np.uint8))
            assert np.mean(np.abs(symbols) ** 2) == pytest.approx(1, abs=1e-3)
            no_level = replace(coded, codec_word=to_word(codec.channels, 1.0))
            received = (codec.decode(c, *add_noise(symbols, 15)) for c in (coded, no_level))
            errors.append([np.abs(picture.mean((0, 1)) - colour).max() for picture in received])
    worst, worst_without = np.max(errors, axis=0)
    assert worst < 20 and worst < worst_without / 2, errors


def test_a_latent_that_is_no_number_is_refused(model, draw, monkeypatch):
    with LearnedCodec(model, roles=("encode",)) as codec:
        run = codec.encoder.run
        for wrong in (np.nan, np.inf):
            monkeypatch.setattr(
                codec.encoder, "run", lambda i, w=wrong: {"latent": run(i)["latent"] * w}
            )
            with pytest.raises(ModelError, match="engine verify"):
                codec.encode(draw(64, 64))


def test_no_level_in_a_header_spoils_a_picture_beyond_numbers(codec, draw, add_noise):
    coded, symbols = codec.encode(draw(64, 64))
    symbols, noise_var = add_noise(symbols, 10)
    noise_var[::7] = np.inf
    for level in (1e-9, 1e9):  # clipped to what the word can say
        asked = replace(coded, codec_word=to_word(codec.channels, level))
        inputs = codec._generator_inputs(asked, symbols, noise_var, None)
        assert np.abs(inputs["latent"]).max() <= 1e3
        assert all(np.isfinite(array).all() for array in inputs.values())


@pytest.mark.parametrize("ends", [(0.0, 1.0), (0.0, 0.0), (0.25, 0.75)])
def test_the_dial_turns_between_the_ends_that_the_manifest_names(model, draw, add_noise, ends):
    with LearnedCodec(replace(model, realism=ends)) as codec:
        coded, symbols = codec.encode(draw(64, 96))
        received = coded, *add_noise(symbols, 10)
        told = [codec._generator_inputs(*received, dial)["condition"][2] for dial in (0, 0.5, 1)]
        assert told == [ends[0], sum(ends) / 2, ends[1]]
        asked = codec._generator_inputs(*received, None)["condition"][2]
        assert (coded.realism, asked) == (1, ends[1])


@pytest.mark.parametrize("level_db", [-60, -3.2, 0, 11.17, 90])
def test_the_level_travels_beside_the_number_of_channels(level_db):
    channels, level = from_word(to_word(48, 10 ** (level_db / 20)))
    assert channels == 48
    assert 20 * np.log10(level) == pytest.approx(level_db, abs=0.5 / 256)


def test_warming_up_does_not_change_the_result(model, draw):
    picture = draw(70, 64)
    with LearnedCodec(model) as codec:
        codec.warm_up(70, 64)
        first = codec.encode(picture)[1]
        np.testing.assert_array_equal(first, codec.encode(picture)[1])


def test_a_role_opens_only_its_network(model, draw):
    with LearnedCodec(model, roles=("encode",)) as sender:
        assert sender.generator is None
        coded, symbols = sender.encode(draw(64, 64))
        with pytest.raises(RuntimeError):
            sender.decode(coded, *arrive(symbols))
    with LearnedCodec(model, roles=("decode",)) as receiver:
        assert receiver.encoder is None
        assert receiver.decode(coded, *arrive(symbols)).shape == (64, 64, 3)


def test_a_picture_of_another_model_is_refused_with_both_ids(codec, model, draw):
    coded, symbols = codec.encode(draw(64, 64))
    foreign = replace(coded, model_id=b"\x01\x02\x03\x04")
    with pytest.raises(ModelError, match="01020304") as caught:
        codec.decode(foreign, *arrive(symbols))
    assert model.id.hex() in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"codec_word": 97},
        {"codec_word": 0},
        {"codec_word": 1 << 24 | 32},
        {"codec_id": 2},
        {"width": 10_000},
    ],
)
def test_a_header_that_makes_no_sense_is_refused(codec, draw, change):
    coded, symbols = codec.encode(draw(64, 64))
    with pytest.raises(ModelError):
        codec.decode(replace(coded, **change), *arrive(symbols))


def test_too_few_symbols_are_a_bug_of_the_caller(codec, draw):
    coded, symbols = codec.encode(draw(64, 64))
    with pytest.raises(ValueError, match="expected"):
        codec.decode(coded, *arrive(symbols[:-1]))


@pytest.mark.parametrize("size", [(63, 64), (64, 2161)])
def test_pictures_that_are_too_small_or_large_are_usage_errors(codec, size):
    with pytest.raises(UsageError, match="--size"):
        codec.encode(np.zeros((*size, 3), np.uint8))


def test_rates_are_even_prefixes_of_the_latent(model):
    assert channels_for_cbr(Fraction(1, 48), model) == 32
    assert channels_for_cbr(Fraction(10, 1536), model) == 10
    for wrong in (Fraction(1, 7), Fraction(1, 12), Fraction(6, 1536), Fraction(9, 1536)):
        with pytest.raises(UsageError, match="1/48") as caught:
            channels_for_cbr(wrong, model)
        assert "\n" not in str(caught.value)


def test_a_rate_is_typed_as_a_fraction_or_a_number():
    assert parse_cbr("1/48") == Fraction(1, 48)
    assert parse_cbr("0.0625") == Fraction(1, 16)
    for nonsense in ("", "x", "1/0", "-1/48", "0", "nan", "1/48/2"):
        with pytest.raises(UsageError):
            parse_cbr(nonsense)


@pytest.mark.parametrize("options", [{"design_snr_db": 40.0}, {"realism": 1.5}])
def test_wishes_beyond_the_model_are_usage_errors(model, options):
    with pytest.raises(UsageError):
        LearnedCodec(model, **options)


@pytest.fixture(scope="module")
def exact(model):
    """A codec in fp32 whose engines take batches: up to four pictures of 64x64."""
    with LearnedCodec(model, Fraction(1, 48), precision="fp32") as codec:
        codec.encoder.batch_pixels = codec.generator.batch_pixels = 4 * 64 * 64
        yield codec


def test_a_batch_is_encoded_as_its_pictures_are_and_in_order(exact, draw):
    pictures = [draw(70, 90, seed) for seed in range(4)]
    batch = exact.encode_batch(pictures)
    assert len(batch) == 4
    for picture, (coded, symbols) in zip(pictures, batch, strict=True):
        alone, expected = exact.encode(picture)
        assert coded == alone
        np.testing.assert_allclose(symbols, expected, atol=1e-3)


def test_a_batch_of_several_rates_and_channels_is_decoded_as_its_pictures_are(
    exact, model, draw, add_noise
):
    received = []
    for seed, rate in enumerate(("1/192", "1/48", "1/16", "1/24")):
        with LearnedCodec(model, Fraction(rate), realism=seed / 4, roles=("encode",)) as sender:
            coded, symbols = sender.encode(draw(70, 90, seed))
        received.append((coded, *add_noise(symbols, 5 * seed)))
    received[1][1][::3], received[1][2][::3] = 0, np.inf  # a third of these symbols is lost
    for realism in (None, 0.5):
        batch = exact.decode_batch(received, realism)
        for one, (picture, _) in zip(received, batch, strict=True):
            alone = exact.decode(*one, realism)
            assert picture.shape == (70, 90, 3)
            assert np.abs(picture.astype(int) - alone).max() <= 1  # of 255: rounding


def test_pictures_of_different_sizes_make_no_batch(exact, draw):
    with pytest.raises(ValueError, match="one size"):
        exact.encode_batch([draw(64, 64), draw(64, 80)])
    received = [(coded, *arrive(s)) for coded, s in map(exact.encode, (draw(64, 64), draw(80, 64)))]
    with pytest.raises(ValueError, match="one size"):
        exact.decode_batch(received)


def test_the_engine_says_how_many_pictures_are_worth_a_batch(exact):
    for most in (exact.batch_to_encode, exact.batch_to_decode):
        assert [most(64, 64), most(64, 128), most(65, 64), most(128, 128)] == [4, 2, 3, 1]
        assert most(2160, 2160) == 1
    exact.generator.batch_pixels, before = 2**30, exact.generator.batch_pixels
    assert exact.batch_to_decode(64, 64) == 4  # more would keep the first one waiting
    exact.generator.batch_pixels = before


def test_warming_up_runs_every_batch_that_a_worker_takes(exact, monkeypatch):
    counts = []
    run = exact.encoder.run

    def count(inputs):
        counts.append(len(inputs["image"]))
        return run(inputs)

    monkeypatch.setattr(exact.encoder, "run", count)
    exact.warm_up(64, 64)
    exact.warm_up(64, 96)
    assert counts == [1, 2, 4, 1, 2]


def test_photographs_come_back_well(codec, photographs, perceptual_weights, add_noise):
    """At 1/48 and 10 dB: a floor for any weights; `tests.tools.verbs.test_eval` knows the very
    figures."""
    lpips = Lpips(perceptual_weights)
    chosen = [path for path in photographs if path.stem in ("kodim07", "kodim23")]
    assert chosen
    for path in chosen:
        picture = np.asarray(Image.open(path).convert("RGB"))
        coded, symbols = codec.encode(picture)
        decoded = codec.decode(coded, *add_noise(symbols, 10))
        assert psnr(picture, decoded) > 25
        assert lpips(picture, decoded) < 0.2
