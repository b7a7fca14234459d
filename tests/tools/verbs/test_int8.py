# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast engine build --precision int8`."""

import importlib.util

import pytest

from percast.tools.verbs.engine import pictures as engine_pictures


def test_without_nncf_the_pip_line_is_told(percast, tmp_path):
    if importlib.util.find_spec("nncf"):
        pytest.skip("NNCF is installed")
    run = percast(
        "engine", "build", "--engine=openvino", "--precision=int8", XDG_CACHE_HOME=str(tmp_path)
    )
    assert run.code == 4
    assert "pip install 'percast[int8]'" in run.complaint


def test_another_engine_is_refused(percast, tmp_path):
    run = percast(
        "engine", "build", "--engine=onnxruntime", "--precision=int8", XDG_CACHE_HOME=str(tmp_path)
    )
    assert run.code == 2
    assert "openvino" in run.complaint


def test_what_int8_is_judged_by_it_was_not_calibrated_on():
    calibration = [picture.tobytes() for picture in engine_pictures.to_calibrate()]
    for picture in engine_pictures.to_verify():
        for row in picture:
            for start in range(0, len(row) - 32, 32):
                part = row[start : start + 32]
                for way in (part, part[::-1]):  # some are mirrored
                    assert not any(way.tobytes() in each for each in calibration)


@pytest.mark.long  # the recipe itself is tested in tests/engines/test_int8.py
@pytest.mark.timeout(400)
def test_quantised_networks_are_kept_and_listed(percast, small_photos, tmp_path):
    if not importlib.util.find_spec("nncf"):
        pytest.skip("no NNCF: pip install 'percast[int8]'")
    options = ("--engine=openvino", "--precision=int8", f"--pictures={small_photos}", "--json")
    build = percast("engine", "build", *options, timeout=380, XDG_CACHE_HOME=str(tmp_path))
    assert build.code == 0
    networks = build.json["built"]
    assert [each["network"] for each in networks] == ["encoder", "generator"]
    assert all(1e6 < each["bytes"] < 8e6 and not each["cached"] for each in networks)
    listed = percast("engine", "list", "--json", XDG_CACHE_HOME=str(tmp_path)).json["engines"]
    assert {each["path"] for each in listed} == {each["path"] for each in networks}
    assert not any(each["problem"] or each["verified"] for each in listed)
