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


# What `gi` says after `apt install --no-install-recommends gnuradio`.
WITHOUT_GTK = """
def require_foreign(namespace, symbol=None): pass
def require_version(namespace, version): raise ValueError(f"Namespace {namespace} not available")
"""


def test_the_editors_missing_packages_are_named(percast, tmp_path):
    (tmp_path / "gi.py").write_text(WITHOUT_GTK)
    env = {"PYTHONPATH": str(tmp_path)}
    found = json.loads(percast("doctor", "--json", **env).out)
    (editor,) = [f for f in found if f["what"] == "gnuradio-companion"]
    assert not editor["ok"] and not editor["needed"] and "apt install" in editor["text"]
    run = percast("grc", "install", "--dest", tmp_path / "blocks", **env)
    assert run.code == 0
    for text in (editor["text"], run.complaint):
        assert "gir1.2-gtk-3.0" in text and "gir1.2-pango-1.0" in text
        assert "python3-gi-cairo" not in text
    (tmp_path / "gi.py").write_text("raise ImportError")
    run = percast("grc", "install", "--dest", tmp_path / "blocks", **env)
    assert "python3-gi python3-gi-cairo gir1.2-gtk-3.0" in run.complaint
    (tmp_path / "gi.py").write_text(WITHOUT_GTK.partition("raise")[0] + "pass\n")
    run = percast("grc", "install", "--dest", tmp_path / "blocks", **env)
    assert "apt install" not in run.err or "apt install gnuradio" in run.err
