# SPDX-License-Identifier: GPL-3.0-or-later
import importlib.util
import json
import re
import tomllib

import pytest

from percast.engines.metrics import NEEDED
from percast.tools.verbs import doctor
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MODULES = {"scikit-learn": "sklearn", "imageio-ffmpeg": "imageio_ffmpeg"}


@pytest.fixture
def blocked(monkeypatch):
    """Makes modules impossible to find and to import."""

    def block(*modules: str) -> None:
        find_spec = importlib.util.find_spec

        def find(name: str, package: str | None = None):
            return None if name in modules else find_spec(name, package)

        monkeypatch.setattr(importlib.util, "find_spec", find)
        for module in modules:
            monkeypatch.setitem(doctor.sys.modules, module, None)

    return block


def names(requirements: list[str]) -> list[str]:
    """Of the packages, without percast's own extras."""
    found = [re.match(r"[\w-]+", requirement)[0] for requirement in requirements]
    return [name for name in found if name != "percast"]


@pytest.mark.parametrize(
    "extra", sorted(PROJECT["optional-dependencies"].keys() - {"test", "tensorrt", "tensorrt-rtx"})
)
def test_the_doctor_misses_every_package_of_an_extra(blocked, extra):
    packages = names(PROJECT["optional-dependencies"][extra])
    blocked(*(MODULES.get(package, package) for package in packages))
    lacking = [f for f in doctor.check_extras() if not f.ok and f"'percast[{extra}]'" in f.text]
    told = " ".join(f"{f.what} {f.text}" for f in lacking)
    assert all(package in told for package in packages), told
    assert not any(f.needed for f in lacking)


def test_the_doctor_misses_every_package_of_the_base(blocked):
    elsewhere = {"numpy", "openvino", "onnxruntime"}  # of checks of their own
    blocked("jinja2", "numba")
    findings = {f.what: f for f in doctor.check_packages()}
    assert findings.keys() == {*names(PROJECT["dependencies"])} - elsewhere
    lacking = {name: (f.needed, f.text) for name, f in findings.items() if not f.ok}
    assert lacking.keys() == {"jinja2", "numba"}
    assert lacking["jinja2"][0] == 2 and lacking["numba"][0] == 0  # the modem does without
    assert all(f"pip install {name}" in text for name, (_, text) in lacking.items())


def test_the_doctor_finds_the_weights_that_metrics_find(tmp_path, monkeypatch):
    """The named folder has some for other metrics only; those of LPIPS lie in the cache."""
    named, cache = tmp_path / "named", tmp_path / "percast" / "perceptual"
    for folder, files in ((named, NEEDED["dists"]), (cache, NEEDED["lpips"])):
        folder.mkdir(parents=True)
        for name in files:
            (folder / name).touch()
    monkeypatch.setenv("PERCAST_PERCEPTUAL", str(named))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (weights,) = doctor.check_metrics()
    assert weights.ok and weights.text == str(cache)


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
