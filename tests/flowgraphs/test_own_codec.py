# SPDX-License-Identifier: GPL-3.0-or-later
"""Codecs of one's own through the real link: the documented ones, and those that are wrong."""

import json
import re

import numpy as np
import pytest

from percast.errors import LinkError, ModelError
from percast.tools import loopback_run
from percast.tools.cli import build_parser
from percast.tools.verbs import loopback
from tests.conftest import ROOT, load

OWN = "tests.engines.codecs.own"
DOC = ROOT / "docs" / "your-own-codec.md"
PICTURES = 5


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """A folder with the modules of the documentation."""
    folder = tmp_path_factory.mktemp("documented")
    for block in re.findall(r"```python\n(# (\w+\.py)\n.*?)```", DOC.read_text(), re.DOTALL):
        (folder / block[1]).write_text(block[0])
    assert sorted(p.name for p in folder.iterdir()) == ["autoencoder.py", "example.py"]
    return folder


def test_the_documented_codec_goes_over_the_air(percast, documented, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(documented)
    command = re.search(r"^percast (loopback .*)$", DOC.read_text(), re.MULTILINE)[1]
    argv = command.replace("PHOTOS", str(photos)).split()
    run = percast(*argv, "--json", "--metrics", "psnr", "--out", tmp_path, PYTHONPATH=str(ROOT))
    assert run.code == 0, run.err
    s = run.json
    assert (s["sent"], s["decoded"], s["lost"], s["undecodable"]) == (6, 6, 0, 0)
    assert (s["codec"], s["model"], s["engine"]) == ("example:Thumbnail",) * 2 + (None,)
    assert s["cbr"] == pytest.approx(1 / 48, rel=0.02) and s["psnr_db"] > 15
    lines = [json.loads(x) for x in (tmp_path / "frames.jsonl").read_text().splitlines()]
    assert {line["codec"] for line in lines} == {"example:Thumbnail"}


def test_the_documented_codec_has_no_more_than_thirty_lines(documented):
    text = (documented / "example.py").read_text()
    lines = [line for line in text[text.index("class ") :].splitlines() if line.strip()]
    assert len(lines) <= 30  # and the helper below it


def test_the_documented_autoencoder_goes_over_the_air(percast, documented, photos, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.chdir(documented)
    commands = re.findall(r"^percast (loopback .*autoencoder.*)$", DOC.read_text(), re.MULTILINE)
    (command,) = commands
    argv = command.replace("PHOTOS", str(photos)).split()
    run = percast(*argv, "--json", "--metrics", "psnr", PYTHONPATH=str(ROOT))
    assert run.code == 0, run.err
    assert run.json["decoded"] == 6 and run.json["cbr"] == pytest.approx(1 / 24)


def test_it_is_scored_as_the_learned_code_is(percast, documented, photos, monkeypatch):
    monkeypatch.chdir(documented)
    run = percast("eval", "--source", photos, "--codec", "example:Thumbnail", "--snr", "0,10",
                  "--cbr", "1/96,1/48", "--metrics", "psnr", "--json",
                  PYTHONPATH=str(ROOT))  # fmt: skip
    assert run.code == 0, run.err
    assert run.json["codec"] == "example:Thumbnail"
    quality = [point["psnr_db"] for point in run.json["points"]]
    assert len(quality) == 4 and quality[0] < quality[1] and quality[2] < quality[3]


def test_a_recording_is_decoded_by_the_same_class(
    percast, documented, photos, tmp_path, monkeypatch
):
    monkeypatch.chdir(documented)
    path, own = tmp_path / "own.sigmf-meta", ("--codec", "example:Thumbnail")
    sent = percast("tx", "--source", photos, "--device", "file", "--args", path, "--json", *own,
                   PYTHONPATH=str(ROOT))  # fmt: skip
    assert sent.code == 0 and sent.json["sent"] == 6, sent.err
    received = percast("replay", path, "--json", *own, PYTHONPATH=str(ROOT))
    assert received.code == 0 and received.json["decoded"] == 6, received.err
    without = percast("replay", path, "--json", PYTHONPATH=str(ROOT))
    assert without.code == 4 and "codec 128" in without.complaint
    assert list(without.json["foreign"].values()) == [6]


def options(photos, codec, *more):
    return build_parser(["loopback"]).parse_args(
        ["loopback", f"--source={photos}", f"--frames={PICTURES}", f"--codec={OWN}:{codec}",
         "--metrics=psnr", "--snr=20", *map(str, more)]
    )  # fmt: skip


def send(photos, codec, *more):
    wanted = loopback_run.LoopbackConfig.from_args(options(photos, codec, *more))
    outcome = loopback_run.run(wanted, lambda record: None)
    outcome.ending.check()
    return outcome.summary


WRONG_TO_SEND = {
    "RaisesInEncode": "encode raised ZeroDivisionError: a bright idea",
    "TooManySymbols": "128 symbols for 64x64, symbol_count says 64",
    "NoNumbers": "no numbers",
    "TooLoud": "mean power of about 4e.00",
    "RealSymbols": "float64",
    "SaysSomethingElse": "CodedImage",
}
WRONG_TO_SHOW = {
    "RaisesInDecode": "decode raised ZeroDivisionError: a dark thought",
    "Exits": "decode raised SystemExit: no more",
    "WrongSize": r"uint8 \[63, 64, 3\] where uint8 \[64, 64, 3\]",
    "FloatPicture": "float64",
}


@pytest.mark.parametrize(("codec", "words"), [*WRONG_TO_SEND.items(), *WRONG_TO_SHOW.items()])
def test_a_mistake_at_one_picture_is_one_line_and_no_other_is_lost(
    small_photos, tmp_path, caplog, codec, words
):
    s = send(small_photos, codec, "--out", tmp_path)
    showing = codec in WRONG_TO_SHOW
    assert (s["unencodable"], s["undecodable"]) == (not showing, showing)
    assert (s["sent"], s["lost"], s["decoded"]) == (PICTURES - (not showing), 0, PICTURES - 1)
    ((reason, count),) = s["codec_faults"].items()
    assert re.search(words, reason) and f"{OWN}:{codec}" in reason and count == 1
    told = [r.getMessage() for r in caplog.records if "percast" in r.name]
    assert len(told) == 1 and reason in told[0] and "\n" not in told[0]
    lines = [json.loads(x) for x in (tmp_path / "frames.jsonl").read_text().splitlines()]
    assert [x["id"] for x in lines] == [i for i in range(PICTURES) if showing or i != 1]
    files = [line["file"] for line in lines]
    assert [i for i, file in enumerate(files) if file is None] == [1] * showing
    assert sorted(filter(None, files)) == sorted(path.name for path in tmp_path.glob("*.png"))


def test_what_cannot_be_decoded_is_counted_and_written_down(small_photos, tmp_path, caplog):
    s = send(small_photos, "Fragile", "--out", tmp_path)
    assert (s["sent"], s["received"], s["decoded"], s["undecodable"]) == (5, 5, 4, 1)
    assert (s["codec_faults"], s["foreign"], s["lost"]) == ({}, {}, 0)
    assert s["codec_figures"] == {"blocks_lost": pytest.approx((4 * 1 + 3) / 5)}
    assert s["psnr_db"] is not None and s["snr_db_measured"] == pytest.approx(20, abs=0.5)
    lines = [json.loads(x) for x in (tmp_path / "frames.jsonl").read_text().splitlines()]
    assert [line.get("undecodable") for line in lines] == [
        None, "3 of 4 blocks are lost", None, None, None
    ]  # fmt: skip
    assert lines[1]["file"] is None and lines[1]["psnr_db"] is None and lines[1]["name"]
    assert lines[1]["codec_figures"] == {"blocks_lost": 3}
    assert load(tmp_path / lines[2]["file"]).shape == (64, 64, 3)
    assert not [r for r in caplog.records if r.levelname == "WARNING"]  # no mistake


def test_nothing_decodable_is_exit_5_and_only_mistakes_exit_4(small_photos):
    with pytest.raises(LinkError, match="too little"):
        loopback.main(options(small_photos, "Deaf"))
    with pytest.raises(ModelError, match="could be sent.*mean power"):
        loopback.main(options(small_photos, "AlwaysLoud"))


def test_a_codec_that_can_neither_tell_of_itself_nor_close_costs_no_results(small_photos, caplog):
    s = send(small_photos, "Shy")
    assert (s["decoded"], s["model"], s["engine"]) == (PICTURES, f"{OWN}:Shy", None)
    told = [r.getMessage() for r in caplog.records if "percast" in r.name]
    assert len(told) == 2 and "nothing to tell" in told[0] and "stuck" in told[1]


def test_a_paced_source_goes_on_after_a_first_picture_that_cannot_be_sent(small_photos):
    s = send(small_photos, "AlwaysLoud", "--fps", 50)
    assert (s["sent"], s["unencodable"] + s["dropped"]) == (0, PICTURES)


def test_the_command_says_what_is_wrong_in_one_line(percast, small_photos):
    for codec, code, words in (("Missing", 2, "Missing"), ("Unready", 4, "no weights")):
        run = percast("loopback", "--source", small_photos, "--codec", f"{OWN}:{codec}",
                      PYTHONPATH=str(ROOT))  # fmt: skip
        assert run.code == code and words in run.complaint
        assert len(run.err.strip().splitlines()) == 1 and not run.out


def test_the_rate_can_change_while_it_runs(small_photos):
    """As a callback of GNU Radio Companion does it."""
    from fractions import Fraction

    from percast.blocks.channel import ChannelConfig
    from percast.blocks.images import open_sink, open_source
    from percast.blocks.stats.scoring import Scorer
    from percast.blocks.waveform.profile import open_profile
    from percast.engines.codecs.registry import open_codec
    from percast.flowgraphs.loopback import Loopback
    from percast.flowgraphs.run import run

    rates = []

    def change(record: dict) -> None:
        rates.append(record["cbr"])
        if len(rates) == 3:
            graph.transmitter.encoder.aim(cbr=Fraction(1, 24))

    with open_codec("learned") as codec, open_source(str(small_photos), frames=150) as pictures:
        graph = Loopback(
            pictures, codec, open_profile(), ChannelConfig(snr_db=20.0), open_sink(None),
            Scorer(()), change,
        )  # fmt: skip
        run(graph).check()
    assert len(rates) == 150 and rates == sorted(rates)
    np.testing.assert_allclose([rates[0], rates[-1]], [1 / 48, 1 / 24])
