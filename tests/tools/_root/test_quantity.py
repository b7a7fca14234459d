# SPDX-License-Identifier: GPL-3.0-or-later
import argparse

import pytest

from percast.quantity import quantity


@pytest.mark.parametrize(
    "text, value",
    [
        ("2.4G", 2.4e9),
        ("4M", 4e6),
        ("20e3", 20e3),
        ("-96k", -96e3),
        ("300n", 300e-9),
        ("1.5u", 1.5e-6),
        ("4m", 4e-3),
        (" 10 ", 10.0),
        (".5", 0.5),
        ("5.", 5.0),
    ],
)
def test_a_suffix_scales_exactly(text, value):
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "k", "nan", "inf", "1e999", "2.4GHz", "1,5", "4 MM", "0x10"])
def test_what_is_no_finite_number_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        quantity(text)
