# SPDX-License-Identifier: GPL-3.0-or-later
import argparse
import dataclasses

import pytest

from percast.blocks.channel import ChannelConfig
from percast.errors import UsageError
from percast.settings import SettingError


def parse(*argv):
    parser = argparse.ArgumentParser()
    ChannelConfig.add_options(parser)
    return ChannelConfig.from_args(parser.parse_args(argv))


def test_no_options_give_the_defaults():
    assert parse() == ChannelConfig()


def test_every_field_can_be_set_from_the_command_line():
    config = parse(
        *("--channel", "TDL-C", "--snr", "-3.5", "--delay-spread", "150n", "--doppler", "1.2k"),
        *("--freq-offset=-96k", "--clock-ppm", "-20", "--phase-noise", "100"),
        *("--iq-imbalance", "0.5,-2", "--adc-bits", "8", "--seed", "7"),
    )
    assert config == ChannelConfig(
        "tdl-c", -3.5, 150e-9, 1200.0, -96e3, -20.0, 100.0, 0.5, -2.0, 8, 7
    )
    default = ChannelConfig()
    for field in dataclasses.fields(config):
        assert getattr(config, field.name) != getattr(default, field.name), field.name


def test_no_noise_is_asked_for_by_name():
    assert parse("--snr", "none").snr_db is None


def test_an_imbalance_without_a_phase_is_one_of_gain():
    config = parse("--iq-imbalance", "1.5")
    assert (config.iq_gain_db, config.iq_phase_deg) == (1.5, 0.0)


@pytest.mark.parametrize(
    "flag, change",
    [
        ("--snr", {"snr_db": float("nan")}),
        ("--snr", {"snr_db": float("inf")}),
        ("--channel", {"model": "tdl-f"}),
        ("--delay-spread", {"delay_spread": -1e-9}),
        ("--delay-spread", {"delay_spread": 300.0}),
        ("--doppler", {"doppler": -1.0}),
        ("--doppler", {"doppler": float("nan")}),
        ("--freq-offset", {"freq_offset": float("inf")}),
        ("--clock-ppm", {"clock_ppm": 200.5}),
        ("--clock-ppm", {"clock_ppm": -1e6}),
        ("--phase-noise", {"phase_noise": -1.0}),
        ("--iq-imbalance", {"iq_gain_db": 40.0}),
        ("--iq-imbalance", {"iq_phase_deg": float("nan")}),
        ("--adc-bits", {"adc_bits": 1}),
        ("--adc-bits", {"adc_bits": 7.5}),
        ("--seed", {"seed": -1}),
    ],
)
def test_a_bad_value_is_one_line_that_names_its_option(flag, change):
    (field,) = change
    with pytest.raises(SettingError, match=f"^{field} ") as caught:
        dataclasses.replace(ChannelConfig(), **change)
    assert caught.value.field == field
    parser = argparse.ArgumentParser()
    ChannelConfig.add_options(parser)
    args = parser.parse_args([])
    about = flag.lstrip("-").replace("-", "_")
    imbalance = tuple({"iq_gain_db": 0.0, "iq_phase_deg": 0.0, **change}.values())
    setattr(args, about, imbalance if about == "iq_imbalance" else change[field])
    with pytest.raises(UsageError) as caught:
        ChannelConfig.from_args(args)
    assert str(caught.value).startswith(flag + " ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["1,2,3", "loud", ""])
def test_a_malformed_option_ends_with_exit_code_2(text, capsys):
    with pytest.raises(SystemExit) as caught:
        parse("--iq-imbalance", text)
    assert caught.value.code == 2
    assert "--iq-imbalance" in capsys.readouterr().err
