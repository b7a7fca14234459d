# SPDX-License-Identifier: GPL-3.0-or-later
import json


def test_the_doctor_finds_what_the_link_needs(percast):
    run = percast("doctor", "--json")
    assert run.code == 0, run.out
    findings = {f["what"]: f for f in json.loads(run.out)}
    assert {"python", "gnuradio", "numpy", "openvino", "onnxruntime", "model base"} <= set(findings)
    assert all(f["ok"] for f in findings.values() if f["needed"])


def test_the_doctor_says_how_to_get_what_is_missing(percast):
    run = percast("doctor", "--json", PERCAST_PERCEPTUAL="/nonexistent")
    (weights,) = [f for f in json.loads(run.out) if f["what"] == "perceptual weights"]
    assert not weights["ok"] and "percast eval fetch-weights" in weights["text"]


def test_a_broken_package_is_reported_and_not_crashed_on(percast, tmp_path):
    (tmp_path / "openvino.py").write_text("raise RuntimeError('half installed')\n")
    run = percast("doctor", PYTHONPATH=str(tmp_path))
    assert run.code == 4
    assert "half installed" in run.out and "pip install openvino" in run.out
