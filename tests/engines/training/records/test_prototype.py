# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from percast.engines.training.records.prototype import (
    LEVELLED,
    check_arguments,
    check_levelled,
    from_prototype,
    to_prototype,
)
from percast.errors import ModelError

# theirs -> (network, ours)
NAMES = {
    "E.cond.net.0.weight": ("encoder", "conditioner.hidden.weight"),
    "E.inp.bias": ("encoder", "stem.bias"),
    "E.st.2.1.a.weight": ("encoder", "stages.2.1.conv1.weight"),
    "E.dn.0.weight": ("encoder", "downs.0.weight"),
    "E.dn.2.weight": ("encoder", "head.weight"),
    "E.lin.weight": ("encoder", "linear.weight"),
    "G.cond.net.2.bias": ("generator", "conditioner.out.bias"),
    "G.st.0.3.f.bias": ("generator", "stages.0.3.film.bias"),
    "G.up.1.weight": ("generator", "ups.1.weight"),
    "G.up.2.bias": ("generator", "head.bias"),
}


def test_names_are_translated_both_ways_and_values_left_alone():
    ema = {name: object() for name in NAMES}
    encoder, generator = from_prototype(ema)
    for theirs, (network, ours) in NAMES.items():
        assert {"encoder": encoder, "generator": generator}[network][ours] is ema[theirs]
    assert to_prototype(encoder, generator) == ema


@pytest.mark.parametrize("content", [{"ema": {}, "args": {}}, {"ema": {}, "rates": [8]}])
def test_weights_for_latents_of_unit_power_are_refused(content):
    check_levelled({**content, LEVELLED: True})
    with pytest.raises(ModelError, match="earlier version"):
        check_levelled(content)


@pytest.mark.parametrize("name", ["D.o.weight", "E.new.weight", "E.st.0.weight", "E.dn.0"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ModelError, match="tensor"):
        from_prototype({name: 0})


def test_other_kinds_of_network_are_refused():
    fitting = {"zc": 96, "norm": 0, "lin": 1}
    check_arguments(fitting)
    with pytest.raises(ModelError, match="norm=1"):
        check_arguments({**fitting, "norm": 1})
