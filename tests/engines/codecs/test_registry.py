# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from fractions import Fraction
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from percast.engines.codecs import registry
from percast.engines.codecs.config import CodecConfig
from percast.engines.codecs.decoders import Decoders
from percast.engines.codecs.learned import LearnedCodec
from percast.engines.codecs.registry import open_codec
from percast.errors import ModelError, PercastError, UsageError

OWN = "tests.engines.codecs.own"


def own(name, roles=("encode", "decode"), **settings):
    return open_codec(f"{OWN}:{name}", CodecConfig(**settings), roles)


def install(monkeypatch, **values):
    points = [EntryPoint(name, value, registry.GROUP) for name, value in values.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


def arrive(codec, rgb):
    coded, symbols = codec.encode(rgb)
    return coded, symbols, np.full(symbols.size, 0.01, np.float32)


def test_the_learned_code_is_opened_as_asked(model):
    config = CodecConfig(cbr=Fraction(1, 24), design_snr_db=4, realism=0.25)
    with open_codec("learned", config, ("encode",)) as codec:
        assert isinstance(codec, LearnedCodec)
        assert (codec.cbr, codec.design_snr_db, codec.realism) == (Fraction(1, 24), 4, 0.25)
        assert codec.model_id == model.id and codec.about().model == "base"
        assert codec.about().engine and codec.generator is None


def test_a_class_of_ones_own_is_opened_by_its_place(draw):
    codec = own("Grey")
    assert codec.name == codec.about().model == f"{OWN}:Grey"
    rgb = draw(64, 80)
    received = arrive(codec, rgb)
    assert received[1].dtype == np.complex64
    assert codec.decode(*received).shape == rgb.shape


def test_the_class_name_is_in_the_headers_place_for_the_model(draw):
    grey, twin = own("Grey"), own("Twin")
    coded = grey.encode(draw(64, 64))[0]
    assert coded.model_id == grey.model_id != twin.model_id and len(coded.model_id) == 4
    assert grey.codec_id == twin.codec_id
    with pytest.raises(ModelError, match=f"{OWN}:Twin"):
        twin.symbols_expected(coded)


def test_an_installed_codec_has_a_name(monkeypatch, draw):
    install(monkeypatch, grey=f"{OWN}:Grey")
    ours = [name for name, _ in registry.BUILT_IN.values()]
    assert registry.list_codecs() == [*ours, "grey"]
    with open_codec("grey") as codec:
        assert codec.symbol_count(64, 64, Fraction(1, 48)) == 64


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("grand", "learned"),
        ("nowhere.at_all:Codec", "no module 'nowhere.at_all'"),
        (":Codec", "no module"),
        (f"{OWN}:Missing", "Grey"),
        (f"{OWN}:", "no class"),
        (f"{OWN}:not_a_class", "percast.engines.codecs.contract.Codec"),
        (f"{OWN}:Squatter", "128 to 255"),
    ],
)
def test_a_name_that_is_no_codec_is_a_usage_error(name, words):
    with pytest.raises(UsageError, match=words) as caught:
        open_codec(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [("Unready", "no weights"), ("Unfinished", "abstract"), ("Forgetful", "has no attribute")],
)
def test_a_class_that_cannot_be_made_is_a_model_error(name, words):
    with pytest.raises(ModelError, match=words) as caught:
        own(name)
    assert f"{OWN}:{name}" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["import numpy as", "import torch_that_is_not_here", "1 / 0"])
def test_a_module_that_cannot_be_imported_is_a_model_error(tmp_path, monkeypatch, text):
    (tmp_path / "broken_codec.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match="broken_codec:Codec") as caught:
        open_codec("broken_codec:Codec")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("flag", "value"), [("mcs", "3"), ("conceal", "last")])
def test_what_only_digital_codecs_heed_is_refused_by_the_learned_one(flag, value):
    """Else its figures would be taken for those of another scheme."""
    for roles in ((), ("encode",), ("encode", "decode")):
        with pytest.raises(UsageError, match=f"'learned' .*--{flag}"):
            open_codec("learned", CodecConfig(**{flag: value}), roles)


def test_a_receiver_says_how_to_conceal_whatever_codec_it_expects():
    """The header names the codec; `learned` is only what it expects until then."""
    open_codec("learned", CodecConfig(conceal="grey"), ("decode",)).close()


def test_options_are_known_or_refused():
    assert own("Picky", options=(("depth", "3"),)).options == {"depth": "3"}
    for codec, known in ((f"{OWN}:Picky", "depth"), ("learned", "no option")):
        with pytest.raises(UsageError, match=known):
            open_codec(codec, CodecConfig(options=(("width", "3"),)), ())


def test_a_codec_at_another_rate_shares_its_engines(draw, model):
    rgb = draw(64, 64)
    with open_codec("learned", CodecConfig(precision="fp32")) as codec:
        other = codec.at(Fraction(1, 24), realism=0.5)
        assert (other.encoder, other.generator) == (codec.encoder, codec.generator)
        coded, symbols = other.encode(rgb)
        with LearnedCodec(model, Fraction(1, 24), precision="fp32") as alone:
            expected = alone.encode(rgb)
        assert coded == replace(expected[0], realism=0.5)
        np.testing.assert_allclose(symbols, expected[1], atol=1e-4)
        assert codec.cbr == Fraction(1, 48) and codec.encode(rgb)[0].realism == 1
        for wrong in ({"cbr": Fraction(1, 7)}, {"design_snr_db": 25}, {"realism": 2}):
            with pytest.raises(UsageError):
                codec.at(**wrong)


def test_symbols_for_a_size_and_rate_are_those_that_are_sent(draw):
    with open_codec("learned") as codec:
        for cbr in codec.rates:
            coded, symbols = codec.at(cbr).encode(draw(65, 97))
            assert codec.symbol_count(65, 97, cbr) == codec.symbols_expected(coded) == symbols.size


def test_the_headers_id_chooses_the_codec(monkeypatch, draw):
    install(monkeypatch, twin=f"{OWN}:Twin", grey=f"{OWN}:Grey")
    sent = {name: own(name).encode(draw(64, 64))[0] for name in ("Grey", "Twin")}
    config = CodecConfig()
    decoders = Decoders(open_codec("learned", config, ()), config)
    for name, coded in sent.items():
        assert decoders.decoder_for(coded).name == f"{OWN}:{name}"
        assert decoders.decoder_for(coded) is decoders.decoder_for(coded)
    decoders.close()


def test_an_id_that_nobody_has_is_named(monkeypatch, draw):
    install(monkeypatch, broken="nowhere:Codec")
    config = CodecConfig()
    decoders = Decoders(open_codec("learned", config, ()), config)
    coded = replace(own("Grey").encode(draw(64, 64))[0], codec_id=77)
    for _ in range(2):
        with pytest.raises(ModelError, match="codec 77.*nowhere"):
            decoders.decoder_for(coded)


def test_a_header_of_a_picture_without_end_reaches_no_class_of_ones_own(draw):
    codec = own("Grey")
    coded = replace(codec.encode(draw(64, 64))[0], width=60_000, height=60_000)
    with pytest.raises(ModelError, match="60000x60000"):
        codec.symbols_expected(coded)


@pytest.mark.parametrize(
    "settings",
    [
        {"cbr": Fraction(300, 301)},
        {"cbr": 0},
        {"threads": 0},
        {"realism": 1.5},
        {"design_snr_db": 40},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(PercastError):
        CodecConfig(**settings)


def test_settings_are_read_from_a_table():
    table = {"codec": "a:B", "cbr": "1/24", "design_snr": 4, "codec_option": "depth=3, path=a=b"}
    config = CodecConfig.from_mapping(table)
    assert (config.codec, config.cbr, config.design_snr_db) == ("a:B", Fraction(1, 24), 4)
    assert config.options == (("depth", "3"), ("path", "a=b"))
    assert CodecConfig.from_mapping({"cbr": 0.0625}).cbr == Fraction(1, 16)
    with pytest.raises(UsageError, match="design_snr.*-30 to 30"):
        CodecConfig.from_mapping({"design_snr": 99})
