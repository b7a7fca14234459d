# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures that share packets, through the whole link."""


def test_six_small_pictures_in_two_packets(percast, small_photos):
    options = ("--source", small_photos, "--frames", 6, "--snr", 12, "--header", "short", "--metrics", "none", "--json")
    shared = percast("loopback", *options, "--share", 3)
    assert shared.code == 0, shared.err
    told = shared.json
    assert (told["sent"], told["received"], told["packets"], told["headers_lost"]) == (6, 6, 2, 0)
    alone = percast("loopback", *options).json
    assert (alone["packets"], alone["received"]) == (6, 6)
    assert told["overhead"] < alone["overhead"] / 2
