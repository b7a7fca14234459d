# SPDX-License-Identifier: GPL-3.0-or-later
"""What arrived of a picture keeps its meaning on every wire and in every store."""

import json

import numpy as np
import pytest

from percast.engines.evaluation.measure import Arrival
from percast.tools.campaign.air.link import probe
from percast.tools.campaign.arrived import (
    coded_from_json,
    coded_to_json,
    link_columns,
    pack,
    unpack,
)
from percast.tools.campaign.tables.rows import delivered


def test_what_a_header_says_survives_the_wire():
    coded, symbols = probe()
    assert coded_from_json(json.loads(json.dumps(coded_to_json(coded)))) == coded
    assert np.mean(np.abs(symbols) ** 2) == pytest.approx(1)


def test_a_store_holds_the_same_header_as_a_wire_and_the_link_beside_it():
    coded, symbols = probe()
    noise_var = np.full(len(symbols), 0.1, np.float32)
    noise_var[3] = np.inf
    arrival = Arrival(coded, symbols, noise_var, {})
    plain, measured = pack(arrival), link_columns(10.0, None, 3.5, 0.2)
    assert json.loads(plain["coded"]) == coded_to_json(coded)
    told = unpack(pack(arrival, measured))
    assert told.coded == coded and told.link == measured
    np.testing.assert_array_equal(told.symbols, symbols)
    np.testing.assert_array_equal(told.noise_var, noise_var)
    assert unpack(plain).link == {}


def test_a_store_of_an_earlier_version_is_read():
    """A byte of its JSON that changes would be another store."""
    coded, symbols = probe()
    arrival = Arrival(coded, symbols[:1], np.ones(1, np.float32), {})
    assert pack(arrival)["coded"] == (
        '{"width": 256, "height": 256, "cbr": "1/48", "codec_id": 255, "codec_word": 0, '
        '"model_id": "00000000", "design_snr_db": 10.0, "realism": 1.0}'
    )


@pytest.mark.parametrize(
    ("received", "undecodable", "error", "came"),
    [(1, 0, None, True), (1, 0, "", True), (0, 0, None, False), (1, 1, None, False),
     (1, 0, "its codec broke", False), (None, None, None, False)],
)  # fmt: skip
def test_a_picture_came_out_where_something_arrived_and_could_be_decoded(
    received, undecodable, error, came
):
    row = {"received": received, "undecodable": undecodable, "error": error}
    assert delivered(row) is came
