# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks in GNU Radio Companion, through GNU Radio Companion's own loader."""

import logging
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import numpy as np
import pmt
import pytest
import yaml
import zmq
from gnuradio import gr
from gnuradio.grc.core import Constants
from gnuradio.grc.core.platform import Platform
from gnuradio.grc.core.utils.extract_docs import docstring_from_make

from percast import blocks as percast_blocks
from percast.blocks.channel.channel import Channel
from percast.blocks.channel.config import MODELS, ChannelConfig
from percast.blocks.grc import support as grc_support
from percast.blocks.images import PictureSink, PictureSource, open_source
from percast.blocks.images.zmq_keys import create_keys
from percast.blocks.waveform.formats.kinds import SENT
from percast.blocks.waveform.profile import PRESETS, open_profile
from percast.engines.manifest import load_model
from percast.engines.runtimes.engine import ENGINES, PRECISIONS
from percast.errors import DeviceError, FileError
from percast.tools.cli import build_parser
from percast.tools.verbs.grc import DESCRIPTIONS, EXAMPLES
from tests.conftest import ROOT

FILES = sorted(DESCRIPTIONS.glob("*.block.yml"))
KEYS = [path.name.removesuffix(".block.yml") for path in FILES]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """The platform that grcc makes, and what was logged while it loaded the blocks."""
    folder = tmp_path_factory.mktemp("grc")
    messages = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = logging.getLogger("gnuradio.grc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Constants, "CACHE_FILE", str(folder / "cache.json"))
        patch.setenv("GRC_BLOCKS_PATH", str(DESCRIPTIONS))
        parts = (gr.major_version(), gr.api_version(), gr.minor_version())
        platform = Platform(prefs=gr.prefs(), version=gr.version(), version_parts=parts)
        platform.config.hier_block_lib_dir = str(folder)  # not the developer's own blocks
        # It would load every module of GNU Radio in a process beside.
        platform._docstring_extractor = SimpleNamespace(
            start=lambda: None, query=lambda *query: None, finish=lambda: None
        )
        logger.addHandler(handler)
        platform.build_library()
        logger.removeHandler(handler)
    return platform, messages


@pytest.fixture(scope="module")
def platform(loaded):
    return loaded[0]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "silence.cf32"
    np.zeros(1000, np.complex64).tofile(path)
    return path


def place(platform, key: str, **values):
    """A block of that kind on a canvas of its own."""
    graph = platform.make_flow_graph()
    block = graph.new_block(key)
    block.params["id"].set_value("it")
    for name, value in values.items():
        block.params[name].set_value(value)
    graph.rewrite()
    graph.validate()
    return block


def needed(platform, key, photos, recording) -> dict:
    """Values of the parameters that have no default."""
    paths = {"source": photos, "file": recording}
    params = platform.blocks[key].parameters_data
    return {p["id"]: str(paths[p["id"]]) for p in params if p["id"] in paths}


def failed_asserts(block) -> list[str]:
    return [text for _, text in block.iter_error_messages() if "Assertion" in text]


def build(block):
    """Runs what grcc would write; the flowgraph and its namespace."""
    space = {}
    exec(block.templates.render("imports"), space)
    space["self"] = gr.top_block()
    exec(f"self.it = {block.templates.render('make')}", space)
    return space["self"], space


def test_every_public_block_is_there():
    names = {f"percast_{name}" for name in percast_blocks._GR_BLOCKS.values()}
    assert names | {"percast_transmitter", "percast_receiver"} <= set(KEYS)


def test_the_descriptions_load_without_a_warning(loaded):
    platform, messages = loaded
    assert [m for m in messages if "percast" in m] == []
    for key in KEYS:
        block = platform.blocks[key]
        assert block.loaded_from == str(DESCRIPTIONS / f"{key}.block.yml")
        assert block.category == ["percast"]
        assert "https://" in block.documentation[""]


@pytest.mark.parametrize("path", FILES, ids=KEYS)
def test_descriptions_are_formatted_as_the_code(path):
    lines = path.read_text().splitlines()
    assert lines[0] == "# SPDX-License-Identifier: GPL-3.0-or-later"
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("key", KEYS)
def test_the_defaults_make_a_block_with_these_ports(platform, key, photos, recording):
    block = place(platform, key, **needed(platform, key, photos, recording))
    assert failed_asserts(block) == []
    graph, space = build(block)
    made = graph.it
    for ports, names, signature in (
        (block.sinks, made.message_ports_in(), made.input_signature()),
        (block.sources, made.message_ports_out(), made.output_signature()),
    ):
        messages = set(map(str, pmt.to_python(names)))
        assert {p.key for p in ports if p.domain == "message"} == messages - {"system"}
        streams = [p for p in ports if p.domain == "stream"]
        assert len(streams) == signature.max_streams()
        assert all(p.dtype == "complex" for p in streams)
    for callback in block.get_callbacks():
        exec(callback, space)


@pytest.mark.parametrize("key", KEYS)
def test_the_class_documents_the_block(platform, key):
    templates = platform.blocks[key].templates
    (text,) = docstring_from_make(key, templates["imports"], templates["make"]).values()
    assert "Args:" in text


def test_defaults_are_those_of_the_command_line(platform):
    argv = ["loopback", "--source", "x"]
    args = vars(build_parser(argv).parse_args(argv))
    iq_gain_db, iq_phase_deg = args["iq_imbalance"]
    own = {"iq_gain_db": iq_gain_db, "iq_phase_deg": iq_phase_deg}
    own |= dict.fromkeys(("size", "out", "zmq_keys"), "") | {"cbr": str(args["cbr"])}
    others = {"source", "file", "threads", "realism", "live", "stop_at_end", "hold_for"}
    seen = set()
    for key in KEYS:
        block = place(platform, key)
        for p in block.parameters_data:
            if p["id"] in others or p.get("category") == "Advanced" or p["id"] in ("id", "comment"):
                continue
            assert block.params[p["id"]].get_evaluated() == {**args, **own}[p["id"]], (key, p["id"])
            seen.add(p["id"])
    assert {"cbr", "design_snr", "profile", "tx_level", "papr", "snr", "seed", "fps"} <= seen
    # What a number cannot say there, the blocks take as the command line does.
    assert grc_support.DEFAULT_THREADS == args["threads"]
    assert place(platform, "percast_image_encoder").params["realism"].get_evaluated() == 1.0
    assert place(platform, "percast_image_generator").params["realism"].get_evaluated() is None


def test_what_can_be_chosen_is_what_there_is(platform):
    choices = {
        "profile": tuple(PRESETS),
        "channel": MODELS,
        "engine": ("auto", *ENGINES),
        "precision": PRECISIONS,
        "header": SENT,
        "cbr": tuple(map(str, load_model("base").rates)),
    }
    seen = set()
    for key in KEYS:
        block = place(platform, key)
        for name in choices.keys() & block.params.keys():
            seen.add(name)
            assert tuple(block.params[name].options) == choices[name], (key, name)
            if name == "cbr":  # the model has more than the usual ones
                continue
            for choice in choices[name]:
                failed = failed_asserts(place(platform, key, **{name: choice}))
                assert not any(name in text for text in failed)
    assert seen == choices.keys()


BAD = {
    "size": ["64", "axb"], "frames": ["-1"], "fps": ["0", "1001"], "design_snr": ["-31", "31"],
    "realism": ["-0.1", "1.1"], "threads": ["-1", "257"], "engine": ["abacus"],
    "precision": ["fp1"], "profile": ["narrow"], "samp_rate": ["0", "1e9"],
    "tx_level": ["-61", "1"], "papr": ["2", "21"], "callsign": ["ELEVENCHARS"],
    "channel": ["wire"], "snr": ["-101", "201"], "delay_spread": ["-1", "2e-3"],
    "doppler": ["-1", "2e6"], "freq_offset": ["-2e9", "2e9"], "clock_ppm": ["-201", "201"],
    "phase_noise": ["-1", "2e6"], "iq_gain_db": ["-21", "21"], "iq_phase_deg": ["-46", "46"],
    "adc_bits": ["1", "17"], "seed": ["-1"], "header": ["middle"],
    "prefix": ["15", "129", "32.5"], "share": ["0", "33"], "hold_for": ["a b"], "source": [""],
    "file": [""], "out": ["zmq:", "zmq:5555"],
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=KEYS)
def test_every_block_checks_its_values(path):
    assert yaml.safe_load(path.read_text())["asserts"]


def test_both_ends_can_have_another_prefix_and_the_sender_other_headers(platform, photos):
    sends, hears = {"header": "long", "prefix": "48", "share": "3"}, {"prefix": "48"}
    source = build(place(platform, "percast_image_source", source=str(photos), share="3"))[0].it
    modulator = build(place(platform, "percast_ofdm_modulator", **sends))[0].it
    sender = build(place(platform, "percast_transmitter", source=str(photos), **sends))[0].it
    assert source._credit._value == sender.source._credit._value == 3 + 2  # or none would come
    for block in (modulator, sender.modulator):
        assert (block.profile.header, block.profile.cp_len, block._share) == ("long", 48, 3)
    demodulator = build(place(platform, "percast_ofdm_demodulator", **hears))[0].it
    receiver = build(place(platform, "percast_receiver", **hears))[0].it
    for block in (demodulator, receiver.demodulator):
        assert block.receiver.profile.cp_len == 48


def test_only_clients_with_keys_may_connect_where_a_block_names_them(platform, tmp_path):
    create_keys(tmp_path, ["viewer"])
    address = f"zmq:ipc://{tmp_path}/pictures"
    values = {"source": address, "out": address, "zmq_keys": str(tmp_path)}
    for key in ("percast_image_source", "percast_image_sink", "percast_transmitter",
                "percast_receiver"):  # fmt: skip
        block = place(platform, key)
        mine = {name: value for name, value in values.items() if name in block.params}
        assert len(mine) == 2
        graph, _ = build(place(platform, key, **mine))
        parts = getattr(graph.it, "percast_blocks", (graph.it,))
        (pictures,) = [part.pictures for part in parts if hasattr(part, "pictures")]
        assert pictures._socket.mechanism == zmq.CURVE
        pictures.close()


@pytest.mark.parametrize("key", KEYS)
def test_values_out_of_range_are_marked_in_the_editor(platform, key, photos, recording):
    values = needed(platform, key, photos, recording)
    for name in BAD.keys() & place(platform, key).params.keys():
        for bad in BAD[name]:
            failed = failed_asserts(place(platform, key, **values | {name: bad}))
            assert len(failed) == 1 and name in failed[0], (name, bad, failed)


def test_credit_must_be_connected(platform):
    """Without it a source stops after three pictures, and nobody would know why."""
    ports = {p.key: p for p in place(platform, "percast_image_source").sinks}
    assert not ports["credit"].optional


def test_the_snr_can_change_while_it_runs(platform):
    block = place(platform, "percast_channel_model", snr="3", profile="wide-10m", tx_level="-20")
    graph, _ = build(place(platform, "percast_channel_model", profile="wide-10m", tx_level="-20"))
    for callback in block.get_callbacks():
        exec(callback, {"self": graph, "percast_grc": grc_support})
    profile = open_profile("wide-10m")
    fresh = Channel(
        ChannelConfig(snr_db=3.0), profile.samp_rate, 10 ** (-20 / 10), profile.occupied_fraction
    )
    assert graph.it.channel.noise_power == pytest.approx(fresh.noise_power)


def test_realism_and_level_can_change_while_it_runs(platform, photos):
    sender = build(place(platform, "percast_transmitter", source=str(photos)))[0]
    receiver = build(place(platform, "percast_receiver"))[0]
    values = {"source": str(photos), "realism": "0.25", "tx_level": "-20", "papr": "0", "fps": "5"}
    for callback in place(platform, "percast_transmitter", **values).get_callbacks():
        exec(callback, {"self": sender, "percast_grc": grc_support})
    assert sender.it.encoder.codec.realism == 0.25
    assert sender.it.modulator.scale == pytest.approx(0.1)
    assert sender.it.modulator.papr_db is None
    assert sender.it.source.fps == 5
    for callback in place(platform, "percast_receiver", realism="0.75").get_callbacks():
        exec(callback, {"self": receiver})
    assert receiver.it.generator.realism == 0.75


def test_held_samples_wait_for_every_named_block():
    full = {"a": False, "b": False}
    graph = SimpleNamespace(
        a=SimpleNamespace(full=lambda seconds: full["a"]),
        b=SimpleNamespace(full=lambda seconds: full["b"]),
    )
    hold = grc_support.hold_while_full(graph, "a, b")
    assert not hold(0)
    full["b"] = True
    assert hold(0)
    assert not grc_support.hold_while_full(graph, "")(0)


class FullDisk(PictureSink):
    def __init__(self, error: Exception):
        self.error = error

    def write(self, rgb, record):
        raise self.error


@pytest.mark.parametrize(
    ("error", "told"),
    [(FileError("the disk is full"), "percast image sink: the disk is full"),
     (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug")],
)  # fmt: skip
def test_an_error_is_told_once_and_ends_the_graph(small_photos, capsys, caplog, error, told):
    graph = gr.top_block()
    source = percast_blocks.ImageSource(open_source(str(small_photos)))
    sink = percast_blocks.ImageSink(FullDisk(error))
    grc_support.attend(graph, source)
    grc_support.attend(graph, sink, stop_at_end=True)
    graph.msg_connect(source, "images", sink, "images")
    graph.start()
    graph.wait()
    text = capsys.readouterr().err
    assert text.count(told) == 1 and text.strip().endswith(told)
    assert ("Traceback" in text) == isinstance(error, ZeroDivisionError)
    assert not caplog.messages  # which a generated graph prints, too


class Unplugged(PictureSource):
    """A camera that is pulled out after two pictures."""

    def _round(self):
        for name in "ab":
            yield np.zeros((64, 64, 3), np.uint8), name
        raise DeviceError("the camera stopped")


class Album(PictureSink):
    def __init__(self):
        self.names = []

    def write(self, rgb, record):
        self.names.append(record["name"])


def test_why_a_source_ended_is_told_and_what_it_gave_before_arrives(capsys):
    graph, album = gr.top_block(), Album()
    source = percast_blocks.ImageSource(Unplugged())
    sink = percast_blocks.ImageSink(album)
    grc_support.attend(graph, source)
    grc_support.attend(graph, sink, stop_at_end=True)
    graph.msg_connect(source, "images", sink, "images")
    graph.start()
    graph.wait()
    assert album.names == ["a", "b"]
    assert capsys.readouterr().err == "percast image source: the camera stopped\n"


def test_gnu_radios_own_blocks_stay_reachable():
    """`from percast import blocks` under its own name would hide `gnuradio.blocks`."""
    for path in FILES:
        assert "import blocks\n" not in path.read_text()
    code = "import percast.blocks.grc.support, sys; assert 'gnuradio' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_descriptions_and_examples_are_in_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["package-data"]
    for package, files in (("blocks.grc", FILES), ("flowgraphs", EXAMPLES.glob("*.grc"))):
        folder = ROOT / package.replace(".", "/")
        packed = {path for glob in data[f"percast.{package}"] for path in folder.glob(glob)}
        assert (files := set(files)) and files <= packed
