# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: every mistake is told at once, and nothing is sent."""

import json
import re
from collections import defaultdict

import pytest

from percast.errors import UsageError
from percast.tools.campaign.checking import check, load_plan
from percast.tools.campaign.layout import conditions_of, outlook, shots_of
from percast.tools.campaign.places import find_plan, shipped_plans
from percast.tools.campaign.plan import parse_plan
from percast.tools.campaign.store import Store
from percast.tools.cli import build_parser
from tests.tools.campaign import plans

TWELVE = """
[campain]
note = "misspelt"
[campaign]
repeats = 0
metrics = ["psnr", "beauty"]
[pictures]
source = "{photos}"
size = "300"
[conditions]
snr = "ten"
cbr = ["1/48", "1/7"]
realism = 2
gain = 20
[[codec]]
model = "nobodys"
engne = "openvino"
[[codec]]
codec = "hevc-ldpc"
cbr = "1/100"
[[channel]]
channel = "tdl-z"
[air]
settle = 1
"""


def test_twelve_mistakes_are_twelve_lines_and_nothing_is_sent(percast, small_photos, tmp_path):
    plan = plans.write(tmp_path, small_photos, TWELVE)
    before = sorted(tmp_path.iterdir())
    run = percast("campaign", "run", plan, "--out", tmp_path / "x.sqlite")
    lines = run.err.removeprefix("percast: ").splitlines()
    told = [re.match(r"\[([\w.]+)\] (\w+): \S", line) for line in lines]
    assert all(told), run.err
    assert {match.groups() for match in told} == {
        ("campain", "table"), ("campaign", "repeats"), ("campaign", "metrics"),
        ("pictures", "size"), ("conditions", "snr"), ("conditions", "realism"),
        ("conditions", "gain"), ("codec.1", "model"), ("codec.1", "engne"), ("codec.2", "cbr"),
        ("channel.1", "channel"), ("air", "medium"),
    }  # fmt: skip
    assert len(lines) == 12 and run.code == 2
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["quick", "paper", "mobility", "over-the-air"])
def test_the_plans_that_ship_can_be_run(name, small_photos):
    """With pictures that are here."""
    changes = () if name == "quick" else (f"pictures.source={small_photos}", "pictures.size=64x64")
    checked = load_plan(find_plan(name), changes)
    assert name in shipped_plans()
    assert outlook(checked).cells >= 20


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("model=auto", r"\[codec.1\] model: auto .* base"),
        ("engine=steam", r"\[codec.1\] engine: no engine 'steam': use one of auto, .*openvino"),
        ("precision=fp7", r"\[codec.1\] precision: no precision 'fp7': .*int8"),
        ("mcs='3'", r"\[codec.1\] mcs: .*'learned' .*hevc-ldpc"),
        ("conceal=last", r"\[codec.1\] conceal: .*'learned' .*hevc-ldpc"),
    ],
)
def test_what_a_run_would_refuse_the_check_refuses(change, told, small_photos):
    with pytest.raises(UsageError, match=told):
        plan_of(plans.SMALL, small_photos, f"codec.1.{change}")


def plan_of(text: str, photos, *changes: str):
    return check(parse_plan(text.format(photos=photos), "t", changes)).plan


def test_every_picture_meets_every_condition_in_a_neighbourhood_of_time(small_photos):
    plan = plan_of(plans.SMALL, small_photos, "campaign.repeats=3", "conditions.realism=[0, 1]")
    conditions = conditions_of(plan)
    shots, cells = shots_of(plan, ["a", "b", "c"], conditions)
    assert len(conditions) == 4 and len(shots) == 3 * 3 * 4 and len(cells) == 2 * len(shots)
    blocks = [shots[i : i + 4] for i in range(0, len(shots), 4)]
    for block in blocks:
        assert len({(shot["picture"], shot["repeat"]) for shot in block}) == 1
        assert {shot["condition"] for shot in block} == {1, 2, 3, 4}
    orders = {tuple(shot["condition"] for shot in block) for block in blocks}
    assert len(orders) > 3, "conditions always come in the same order"
    seeds = defaultdict(set)
    for shot in shots:
        seeds[shot["picture"], shot["repeat"]].add(shot["seed"])
    assert all(len(each) == 1 for each in seeds.values()), "conditions meet other channels"


def test_lists_of_a_channel_give_one_for_each_combination(small_photos):
    text = plans.SMALL.replace(
        'channel = "awgn"\nwaveform = false',
        'channel = "tdl-c"\ndoppler = [10, 100]\ndelay_spread = ["100n", "300n"]',
    )
    rows = conditions_of(plan_of(text, small_photos, "conditions.snr=10", "conditions.cbr=1/48"))
    assert {(row["delay_spread_s"], row["doppler_hz"]) for row in rows} == {
        (1e-7, 10.0), (1e-7, 100.0), (3e-7, 10.0), (3e-7, 100.0),
    }  # fmt: skip


TWO_CHANNELS = """
[pictures]
source = "{photos}"
[conditions]
snr = 10
cbr = "1/48"
[[codec]]
codec = "hevc-ldpc"
channel = "awgn"
[[codec]]
codec = "hevc-ldpc"
mcs = "rayleigh"
channel = "rayleigh"
[[channel]]
channel = "awgn"
waveform = false
[[channel]]
channel = "rayleigh"
waveform = false
"""


def test_a_codec_can_be_measured_over_some_of_the_channels(small_photos):
    rows = conditions_of(plan_of(TWO_CHANNELS, small_photos))
    told = [(row["settings"]["codec"]["mcs"], row["channel"]) for row in rows]
    assert told == [("auto", "awgn"), ("rayleigh", "rayleigh")]


def test_a_codec_whose_channel_was_changed_away_is_left_out_and_that_is_told(small_photos, caplog):
    fading = "channel=[{channel='rayleigh', waveform=false}]"
    plan = check(parse_plan(TWO_CHANNELS.format(photos=small_photos), "t", [fading])).plan
    assert [row["settings"]["codec"]["mcs"] for row in conditions_of(plan)] == ["rayleigh"]
    assert "[codec.1] hevc-ldpc is left out: the plan has no awgn" in caplog.text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("codec.2.channel=tdl-z", r"\[codec.2\] channel: no channel 'tdl-z': use one of awgn"),
        ("channel=[{channel='tdl-c'}]", r"\[codec.2\] channel: the plan has tdl-c only"),
    ],
)
def test_channels_of_codecs_must_make_sense(small_photos, change, told):
    with pytest.raises(UsageError, match=told):
        plan_of(TWO_CHANNELS, small_photos, change)


def test_a_misspelt_channel_is_not_held_against_the_codec_that_names_it(small_photos):
    wrong = TWO_CHANNELS.replace('channel = "rayleigh"\nwaveform', 'channel = "raylegh"\nwaveform')
    with pytest.raises(UsageError) as raised:
        plan_of(wrong, small_photos, 'codec=[{codec="hevc-ldpc", channel="rayleigh"}]')
    (line,) = str(raised.value).splitlines()
    assert line.startswith("[channel.2] channel: ") and "raylegh" in line


def test_a_change_on_the_command_line_reaches_the_table_it_names(small_photos):
    text = plans.SMALL + '[[codec]]\ncodec = "hevc-ldpc"\ncbr = "1/24"\n'
    plan = plan_of(text, small_photos, "codec.2.cbr=1/12", "campaign.note=in the cellar")
    assert [str(rate) for rate in plan.codecs[1].cbrs] == ["1/12"]
    assert plan.campaign.note == "in the cellar"
    plan = plan_of(text, small_photos, 'codec=[{codec="jpeg-ldpc"}]')
    assert [codec.codec for codec in plan.codecs] == ["jpeg-ldpc"]
    for wrong in ("snr=3", "codec.3.cbr=1/12", "conditions.snr"):
        with pytest.raises(UsageError, match="--set"):
            parse_plan(text, "t", [wrong])


def test_a_dry_run_tells_what_it_takes_and_does_nothing(percast, small_photos, tmp_path):
    plan = plans.write(tmp_path, small_photos, plans.SMALL.replace("waveform = false", ""))
    run = percast("campaign", "run", plan, "--dry-run", "--json", "--set", "campaign.repeats=2")
    assert run.code == 0, run.err
    assert run.json["cells"] == run.json["shots"] == 48
    path = plans.run(tmp_path / "x.sqlite", plan, "campaign.repeats=2")
    with Store.open(path) as store:
        on_air = sum(row["air_s"] for row in store.rows())
    assert run.json["air_seconds"] == pytest.approx(on_air), "of the packets that are sent"
    path.unlink()
    assert not list(tmp_path.glob("*.sqlite"))


def test_a_dry_run_of_a_recording_does_not_count_what_only_the_recording_knows(
    small_photos, tmp_path, capsys
):
    (tmp_path / "heard.cf32").write_bytes(bytes(8000))
    path = plans.write(
        tmp_path, small_photos,
        '[campaign]\nmedium = "recording"\nmetrics = ["psnr"]\n[pictures]\nsource = "{photos}"\n'
        f'[recording]\npath = "{tmp_path}/heard.cf32"\n[[codec]]\ncodec = "jpeg-ldpc"\n',
    )  # fmt: skip
    pictures = len(list(small_photos.iterdir()))
    assert dry_run(path) == 0
    told = capsys.readouterr().out
    assert f"cells      as many as the recording holds of {pictures} pictures" in told
    assert " 0 " not in told.replace("about 0 MB", "")
    assert dry_run(path, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cells"] is told["shots"] is told["conditions"] is None


def test_a_dry_run_tells_a_short_signal_in_seconds(small_photos, tmp_path, capsys):
    text = plans.SMALL.replace("waveform = false", "")
    path = plans.write(tmp_path, small_photos, text)
    assert dry_run(path) == 0
    assert re.search(r"air        0\.0[1-9]+ seconds of signal", capsys.readouterr().out)


def dry_run(path, *flags: str) -> int:
    """`percast campaign run --dry-run` in this process."""
    argv = ["campaign", "run", str(path), "--dry-run", *flags]
    args = build_parser(["campaign"]).parse_args(argv)
    return args.main(args)
