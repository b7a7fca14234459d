# SPDX-License-Identifier: GPL-3.0-or-later
import hashlib
import json
import shutil
from fractions import Fraction

import pytest

from percast.engines.manifest import FILE_NAME, SHIPPED, list_models, load_model
from percast.errors import ModelError


@pytest.fixture
def folder(tmp_path):
    """A copy of the shipped model, to damage."""
    return shutil.copytree(SHIPPED / "base", tmp_path / "copy")


def refusal(what) -> str:
    """The one line with which loading fails."""
    with pytest.raises(ModelError) as caught:
        load_model(what)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edit(folder, change) -> None:
    path = folder / FILE_NAME
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_the_shipped_model_loads_and_tells_its_rates(model):
    assert model.name == "base" and "base" in list_models()
    assert model.rates[Fraction(1, 48)] == 32
    assert list(model.rates) == sorted(model.rates)
    assert model.snr_db == (-1, 19)
    assert all(c == 1536 * rate for rate, c in model.rates.items())


def test_the_id_is_the_head_of_the_manifests_hash(model):
    raw = (SHIPPED / "base" / FILE_NAME).read_bytes()
    assert model.id == hashlib.sha256(raw).digest()[:4]


def test_a_folder_and_a_manifest_file_load_as_well(folder, model):
    assert load_model(folder).id == load_model(str(folder / FILE_NAME)).id == model.id


@pytest.mark.parametrize("name", list_models())
def test_the_shipped_files_fit_their_budget(name):
    assert sum(path.stat().st_size for path in (SHIPPED / name).iterdir()) <= 20e6


@pytest.mark.parametrize("name", list_models())
def test_every_shipped_model_has_a_card_that_names_its_files(name):
    shipped = load_model(name)
    card = (SHIPPED / name / "MODEL_CARD.md").read_text()
    assert shipped.encoder.sha256 in card and shipped.generator.sha256 in card


def test_an_unknown_model_names_the_known_ones():
    assert "base" in refusal("no-such-model")


def test_an_empty_folder_is_no_model(tmp_path):
    assert FILE_NAME in refusal(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', "\xff\x00"])
def test_a_damaged_manifest_is_named(folder, text):
    (folder / FILE_NAME).write_text(text, encoding="latin-1")
    assert str(folder / FILE_NAME) in refusal(folder)


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda data: data.update(format=1), "format 1"),
        (lambda data: data.update(latent_channels="96"), "latent_channels"),
        (lambda data: data.update(latent_channels=95), "95"),
        (lambda data: data.update(snr_db=[19, -1]), "snr_db"),
        (lambda data: data.update(snr_db=[1]), "snr_db"),
        (lambda data: data.update(rates={"1/0": 8}), "1/0"),
        (lambda data: data.update(rates={"1/12": 128}), "128"),
        (lambda data: data.update(rates={}), "rates"),
        (lambda data: data["networks"].pop("encoder"), "encoder"),
        (lambda data: data["networks"]["encoder"].update(file="../x.onnx"), "../x.onnx"),
        (lambda data: data["networks"]["generator"].update(inputs={}), "inputs"),
    ],
)
def test_a_wrong_field_is_named(folder, change, hint):
    edit(folder, change)
    assert hint in refusal(folder)


def test_a_changed_network_is_found_out(folder):
    with (folder / "generator.onnx").open("r+b") as file:
        file.seek(100_000)
        file.write(b"\x00\x01\x02")
    assert "generator.onnx" in (line := refusal(folder)) and "SHA-256" in line


def test_a_missing_network_is_named(folder):
    (folder / "encoder.onnx").unlink()
    assert "encoder.onnx" in refusal(folder)
