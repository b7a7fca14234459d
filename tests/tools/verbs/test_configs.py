# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be typed can be written into a TOML table, and gives the same settings."""

import argparse
import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from datetime import date

import pytest

from percast.blocks.channel import ChannelConfig
from percast.blocks.images.config import SinkConfig, SourceConfig
from percast.blocks.recordings.config import RecordingConfig
from percast.blocks.waveform.profile import WaveformConfig
from percast.engines.codecs.config import CodecConfig
from percast.engines.evaluation.symbol_channel import SymbolChannel
from percast.engines.manifest import list_models
from percast.errors import UsageError
from percast.flowgraphs.config import RunConfig, TransmitterConfig
from percast.flowgraphs.evaluation_channel import AirConfig
from percast.flowgraphs.radios.config import RadioConfig
from percast.tools import cli
from percast.tools.cli import build_parser
from percast.tools.controls.table import Asked
from percast.tools.verbs.engine.config import BenchConfig, BuildConfig, VerifyConfig
from percast.tools.verbs.eval.config import EvalImages, FetchConfig, PointsConfig
from percast.tools.view.config import ViewConfig
from percast.tools.view.remote.config import ConnectConfig

# Of each class: every flag with what is typed, and the same as TOML.
TABLES = {
    SourceConfig: [
        (("--source", "photos"), 'source = "photos"'),
        (("--frames", "3"), "frames = 3"),
        (("--size", "640x480"), 'size = "640x480"'),
        (("--zmq-keys", "keys"), 'zmq_keys = "keys"'),
        (("--insecure",), "insecure = true"),
    ],
    SinkConfig: [
        (("--out", "zmq:tcp://127.0.0.1:5555"), 'out = "zmq:tcp://127.0.0.1:5555"'),
        (("--frames", "3"), "frames = 3"),
        (("--reference", "photos"), 'reference = "photos"'),
        (("--size", "640x480"), 'size = "640x480"'),
        (("--metrics", "lpips,psnr"), 'metrics = ["lpips", "psnr"]'),
        (("--zmq-keys", "keys"), 'zmq_keys = "keys"'),
        (("--insecure",), "insecure = true"),
    ],
    WaveformConfig: [
        (("--profile", "wide-10m"), 'profile = "wide-10m"'),
        (("--samp-rate", "8M"), 'samp_rate = "8M"'),
        (("--header", "long"), 'header = "long"'),
        (("--prefix", "48"), "prefix = 48"),
    ],
    TransmitterConfig: [
        (("--fps", "12.5"), "fps = 12.5"),
        (("--tx-level", "-20"), "tx_level = -20"),
        (("--papr", "0"), "papr = 0"),
        (("--callsign", "DK0XX"), 'callsign = "DK0XX"'),
        (("--share", "2"), "share = 2"),
    ],
    ChannelConfig: [
        (("--channel", "TDL-C"), 'channel = "TDL-C"'),
        (("--snr", "none"), 'snr = "none"'),
        (("--delay-spread", "100n"), "delay_spread = 100e-9"),
        (("--doppler", "5"), "doppler = 5"),
        (("--freq-offset=-20k",), 'freq_offset = "-20k"'),
        (("--clock-ppm", "20"), "clock_ppm = 20"),
        (("--phase-noise", "50"), "phase_noise = 50.0"),
        (("--iq-imbalance", "0.3,2"), "iq_imbalance = [0.3, 2]"),
        (("--adc-bits", "8"), "adc_bits = 8"),
        (("--seed", "5"), "seed = 5"),
    ],
    RadioConfig: [
        (("--device", "uhd"), 'device = "uhd"'),
        (("--args", "serial=1"), 'args = "serial=1"'),
        (("--freq", "2.41G"), "freq = 2.41e9"),
        (("--gain", "LNA=16,VGA=20"), "gain = { LNA = 16, VGA = 20 }"),
        (("--antenna", "RX2"), 'antenna = "RX2"'),
        (("--channels", "1"), "channels = 1"),
        (("--lo-offset", "2M"), 'lo_offset = "2M"'),
        (("--clock-source", "gpsdo"), 'clock_source = "gpsdo"'),
        (("--time-source", "gpsdo"), 'time_source = "gpsdo"'),
        (("--bandwidth", "4M"), "bandwidth = 4_000_000"),
        (("--agc",), "agc = true"),
        (("--reconnect",), "reconnect = true"),
    ],
    RecordingConfig: [
        (("--record", "a.sigmf-meta"), 'record = "a.sigmf-meta"'),
        (("--record-format", "ci8"), 'record_format = "ci8"'),
        (("--keep-seconds", "5"), "keep_seconds = 5"),
        (("--recordings", "kept"), 'recordings = "kept"'),
    ],
    RunConfig: [
        (("--seconds", "1.5"), "seconds = 1.5"),
        (("--control", "ipc:///tmp/x"), 'control = "ipc:///tmp/x"'),
    ],
    Asked: [
        (("--realism", "sender"), 'realism = "sender"'),
        (("--pause", "on"), 'pause = "on"'),
        (("--channel", "tdl-a"), 'channel = "tdl-a"'),
        (("--snr", "none"), 'snr = "none"'),
        (("--doppler", "5"), "doppler = 5"),
        (("--delay-spread", "100n"), 'delay_spread = "100n"'),
        (("--freq-offset=-20k",), 'freq_offset = "-20k"'),
        (("--clock-ppm", "20"), "clock_ppm = 20"),
        (("--cbr", "1/16"), "cbr = 0.0625"),
        (("--design-snr", "7"), "design_snr = 7"),
        (("--source", "photos"), 'source = "photos"'),
        (("--freq", "2.41G"), "freq = 2.41e9"),
        (("--gain", "LNA=16,VGA=20"), "gain = { LNA = 16, VGA = 20 }"),
        (("--engine", "torch"), 'engine = "torch"'),
        (("--precision", "fp32"), 'precision = "fp32"'),
        (("--record", "off"), 'record = "off"'),
        (("--save", "2.5"), "save = 2.5"),
    ],
    ViewConfig: [
        (("--view",), "view = true"),
        (("--view-host", "0.0.0.0"), 'view_host = "0.0.0.0"'),
        (("--view-port", "0"), "view_port = 0"),
        (("--qt",), "qt = true"),
    ],
    ConnectConfig: [
        (("--connect", "zmq:ipc:///tmp/x"), 'connect = "zmq:ipc:///tmp/x"'),
        (("--host", "0.0.0.0"), 'host = "0.0.0.0"'),
        (("--port", "0"), "port = 0"),
        (("--zmq-keys", "keys"), 'zmq_keys = "keys"'),
        (("--zmq-client", "laptop"), 'zmq_client = "laptop"'),
        (("--control", "ipc:///tmp/y"), 'control = "ipc:///tmp/y"'),
    ],
    SymbolChannel: [
        (("--channel", "rayleigh"), 'channel = "rayleigh"'),
        (("--erased", "0.3"), "erased = 0.3"),
        (("--clipping", "20"), "clipping = 20"),
        (("--seed", "5"), "seed = 5"),
    ],
    AirConfig: [
        (("--channel", "tdl-a"), 'channel = "tdl-a"'),
        (("--seed", "5"), "seed = 5"),
        (("--waveform",), "waveform = true"),
        (("--papr", "0"), "papr = 0"),
        (("--delay-spread", "100n"), 'delay_spread = "100n"'),
        (("--doppler", "5"), "doppler = 5"),
        (("--freq-offset", "2k"), 'freq_offset = "2k"'),
        (("--clock-ppm", "-3"), "clock_ppm = -3"),
        (("--profile", "robust-2m"), 'profile = "robust-2m"'),
    ],
    EvalImages: [
        (("--source", "photos"), 'source = "photos"'),
        (("--frames", "3"), "frames = 3"),
        (("--size", "640x480"), 'size = "640x480"'),
        (("--zmq-keys", "keys"), 'zmq_keys = "keys"'),
        (("--insecure",), "insecure = true"),
        (("--out", "tables"), 'out = "tables"'),
    ],
    PointsConfig: [
        (("--cbr", "1/48,1/24"), 'cbr = ["1/48", "1/24"]'),
        (("--snr", "0,20"), "snr = [0, 20.0]"),
        (("--realism", "0.4"), "realism = 0.4"),
        (("--design-snr", "7"), "design_snr = 7"),
        (("--metrics", "dists, psnr"), 'metrics = ["dists", "psnr"]'),
    ],
    FetchConfig: [
        (("--metrics", "fid"), 'metrics = "fid"'),
        (("--all",), "all = true"),
        (("--dest", "weights"), 'dest = "weights"'),
    ],
    CodecConfig: [
        (("--codec", "mine:Codec"), 'codec = "mine:Codec"'),
        (("--codec-option", "a=1,b=c"), 'codec_option = { a = 1, b = "c" }'),
        (("--model", "mse"), 'model = "mse"'),
        (("--cbr", "1/16"), "cbr = 0.0625"),
        (("--design-snr", "7"), "design_snr = 7"),
        (("--mcs", "9"), "mcs = 9"),
        (("--conceal", "last"), 'conceal = "last"'),
        (("--realism", "0"), "realism = 0"),
        (("--engine", "torch"), 'engine = "torch"'),
        (("--precision", "fp32"), 'precision = "fp32"'),
        (("--threads", "3"), "threads = 3"),
    ],
    BuildConfig: [
        (("--model", "mse"), 'model = "mse"'),
        (("--threads", "3"), "threads = 3"),
        (("--engine", "tensorrt"), 'engine = "tensorrt"'),
        (("--precision", "fp16"), 'precision = "fp16"'),
        (("--target", "sm86"), 'target = "sm86"'),
        (("--size", "64x80", "--size", "96x64"), 'size = ["64x80", "96x64"]'),
    ],
    VerifyConfig: [
        (("--model", "mse"), 'model = "mse"'),
        (("--threads", "3"), "threads = 3"),
        (("--engine", "torch"), 'engine = "torch"'),
        (("--precision", "fp32"), 'precision = "fp32"'),
        (("--cbr", "1/48,1/24"), 'cbr = ["1/48", "1/24"]'),
        (("--snr", "0,10"), "snr = [0, 10]"),
    ],
    BenchConfig: [
        (("--model", "mse"), 'model = "mse"'),
        (("--threads", "3"), "threads = 3"),
        (("--engine", "torch"), 'engine = "torch"'),
        (("--precision", "fp32"), 'precision = "fp32"'),
        (("--size", "64x80"), 'size = ["64x80"]'),
        (("--batch", "1,4"), "batch = [1, 4]"),
        (("--runs", "3"), "runs = 3"),
    ],
}  # fmt: skip
EXCLUDING = {AirConfig: {"erased", "clipping"}, BuildConfig: {"pictures", "portable"}}
"""Keys that do not go with the others."""
SAME = {
    TransmitterConfig: {"session"},
    RadioConfig: {"samp_rate"},
    AirConfig: {"erased", "clipping_db"},
    BuildConfig: {"engine", "pictures", "portable"},
}
"""Fields that are no options or keep their default; all others must show that they were set."""


@pytest.mark.parametrize("settings", TABLES, ids=lambda settings: settings.__name__)
def test_options_and_a_table_give_the_same_settings(settings):
    options = [word for words, _ in TABLES[settings] for word in words]
    table = tomllib.loads("\n".join(line for _, line in TABLES[settings]))
    parser = argparse.ArgumentParser()
    settings.add_options(parser)
    every_key = {action.dest for action in parser._actions} - {"help"}
    assert table.keys() == every_key - EXCLUDING.get(settings, set())
    typed = settings.from_args(parser.parse_args(options))
    assert typed == settings.from_mapping(table)
    same = {f.name for f in fields(typed) if getattr(typed, f.name) == f.default}
    assert same == SAME.get(settings, set())


VERBS = {
    "loopback": (
        SourceConfig, WaveformConfig, TransmitterConfig, ChannelConfig, RunConfig, ViewConfig,
    ),
    "tx": (SourceConfig, WaveformConfig, TransmitterConfig, RunConfig),
    "rx": (SinkConfig, WaveformConfig, RadioConfig, RunConfig, RecordingConfig, ViewConfig),
    "replay": (SinkConfig, WaveformConfig, ViewConfig),
    "eval": (AirConfig,),
    "tune": (Asked,),
}  # fmt: skip
SENDERS_ALONE = {"header"}
"""Keys that a receiver does not need: what it hears says so itself."""


def verb_parser(verb: str) -> argparse.ArgumentParser:
    return build_parser([verb])._subparsers._group_actions[0].choices[verb]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_takes_every_option_of_its_components(verb):
    taken = verb_parser(verb)
    for settings in VERBS[verb]:
        parser = argparse.ArgumentParser()
        settings.add_options(parser)
        options = {action.dest for action in parser._actions}
        if verb in ("rx", "replay"):
            options -= SENDERS_ALONE
        assert options <= {a.dest for a in taken._actions}


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """It, and those of its verbs."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from parsers(sub)


OF_ANOTHER_VERB = {"view": {"--out"}, "keys": {"--zmq-keys"}}
"""Flags that a verb may speak of because it does something for them."""


@pytest.mark.parametrize("verb", cli.VERBS)
def test_the_help_of_a_verb_speaks_of_no_flag_that_it_lacks(verb):
    for parser in parsers(verb_parser(verb)):
        known = {*parser._option_string_actions} | OF_ANOTHER_VERB.get(verb, set())
        for action in parser._actions:
            told = re.findall(r"(?<![\w`])--[a-z][a-z-]+", action.help or "")
            assert {*told} <= known, action.help


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_value_that_is_asked_for_is_told_of_in_words(verb):
    for parser in parsers(verb_parser(verb)):
        for action in parser._actions:
            asked = action.option_strings and action.nargs != 0
            assert not asked or re.match(r"[^(]*\w", action.help or ""), action.option_strings


def test_the_models_that_a_comparison_is_shown_with_are_there():
    (about,) = (about for name, about, _ in BenchConfig._options() if name == "model")
    named = about.help.rpartition(": ")[2].split(",")
    assert len(named) > 1 and {*named} <= {*list_models()}


def help_of(verb: str) -> dict[str, str]:
    """Help of each option, by what the program calls it."""
    return {action.dest: action.help for action in verb_parser(verb)._actions}


@pytest.mark.parametrize("verb", ["rx", "replay"])
def test_a_receiver_says_that_it_heeds_the_senders_wish(verb):
    assert "what the sender wished" in help_of(verb)["realism"]
    assert "default 1" in help_of("tx")["realism"]


@pytest.mark.parametrize("verb", ["tx", "eval"])
def test_what_shows_no_picture_has_no_setting_of_what_to_show(verb):
    assert "conceal" in help_of("rx") and "conceal" not in help_of(verb)


@pytest.mark.parametrize("verb", ["campaign", "study"])
def test_the_list_of_verbs_names_what_each_can(verb):
    (verbs,) = verb_parser(verb)._subparsers._group_actions
    assert cli.VERBS[verb].partition(": ")[2].split(", ") == [*verbs.choices]


@pytest.mark.parametrize(
    ("settings", "table", "line"),
    [
        (SourceConfig, {}, "[x] source is missing: folder or file"),
        (SourceConfig, {"source": "a", "size": "9x9"}, "[x] size 9x9: each side must lie in"),
        (SourceConfig, {"source": "a", "frames": -1}, "[x] frames must be a whole number"),
        (SinkConfig, {"metrics": ["beauty"]}, "[x] metrics: beauty is unknown; there are psnr"),
        (WaveformConfig, {"profile": "fast"}, "[x] profile fast is unknown; choose from robust-2m"),
        (TransmitterConfig, {"papr": 2}, "[x] papr must be 0 (none) or lie between 3 and 20 dB"),
        (TransmitterConfig, {"callsign": "MUCHTOOLONG"}, "[x] callsign MUCHTOOLONG: at most 10"),
        (RadioConfig, {"device": "uhd", "freq": 0}, "[x] freq 0: must be a positive number of Hz"),
        (RadioConfig, {"freq": 1e9}, "[x] device is missing: one of uhd"),
        (RadioConfig, {"device": "uhd", "gain": "LNA="}, "[x] gain: 'LNA=' is not a gain such as"),
        (RecordingConfig, {"record_format": "ci8"}, "[x] record_format ci8 is for recordings"),
        (ViewConfig, {"view_host": "radio.example"}, "[x] view_host radio.example: give an IP"),
        (ViewConfig, {"view_port": 70000}, "[x] view_port must be a whole number from 0 to 65535"),
        (RunConfig, {"seconds": 0}, "[x] seconds must be positive, not 0"),
        (RunConfig, {"control": "tcp://*:1"}, "[x] control tcp://*:1: give tcp://127.0.0.1"),
        (AirConfig, {"doppler": 5}, "[x] doppler needs --waveform"),
        (AirConfig, {"waveform": True, "erased": 0.2}, "[x] erased does not go with --waveform"),
        (PointsConfig, {"realism": [0, 2]}, "[x] realism must be from 0 to 1"),
        (PointsConfig, {"snr": [10, 1e9]}, "[x] snr must be from -100 to 200 dB, not 1000000000"),
        (PointsConfig, {"metrics": ["psnr", "beauty"]}, "[x] metrics beauty is unknown"),
        (CodecConfig, {"cbr": 0}, "[x] cbr: '0' is no channel bandwidth ratio"),
        (SourceConfig, {"source": True}, "[x] source: True is no value for it"),
        (BuildConfig, {"pictures": "."}, "[x] pictures is for precision int8"),
        (BuildConfig, {"target": "sm86", "portable": True}, "[x] portable does not go with"),
        (BuildConfig, {"size": ["64x80", "a"]}, "[x] size: 'a': give WIDTHxHEIGHT"),
        (BenchConfig, {"runs": 0}, "[x] runs must be a whole number at least 1"),
    ],
)  # fmt: skip
def test_a_table_names_its_key(settings, table, line):
    with pytest.raises(UsageError) as caught:
        settings.from_mapping(table, "x")
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)


ODD = [3, 2.5, math.nan, 10**400, "", "x", [], [1], ["a", "b"], [[1]], {}, {"a": 1}, True, date.min]


@pytest.mark.parametrize("settings", TABLES, ids=lambda settings: settings.__name__)
def test_whatever_stands_in_a_table_is_taken_or_refused_by_its_key(settings):
    """Numbers where text is due, lists where numbers are, and all else that TOML can hold."""
    for line in (line for _, line in TABLES[settings]):
        (key,) = tomllib.loads(line)
        for value in ODD:
            try:
                settings.from_mapping({key: value}, "x")
            except UsageError as error:
                assert all(told.startswith("[x] ") for told in str(error).splitlines())


@pytest.mark.parametrize("settings", TABLES, ids=lambda settings: settings.__name__)
def test_every_mistake_in_a_table_is_told_at_once(settings):
    keys = [key for _, line in TABLES[settings] for key in tomllib.loads(line)]
    wrong = {**dict.fromkeys(keys, date.min), "nonsense": 1}
    with pytest.raises(UsageError) as caught:
        settings.from_mapping(wrong, "x")
    told = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in told] == [f"[x] {key}" for key in wrong]
