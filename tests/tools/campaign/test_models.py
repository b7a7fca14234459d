# SPDX-License-Identifier: GPL-3.0-or-later
"""All figures of a campaign are of the models that it began with, whoever computes them."""

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from percast.engines.codecs.registry import open_codec
from percast.engines.manifest import load_model
from percast.errors import ModelError
from percast.tools.campaign import jobs, layout
from percast.tools.campaign.crews import Alone
from percast.tools.campaign.frozen import changed
from percast.tools.campaign.jobs import simulate
from percast.tools.campaign.remetric import Again, decode_again, remetric
from percast.tools.campaign.running import jobs as jobs_of
from percast.tools.campaign.running import plan_of
from percast.tools.campaign.sections import CodecSection
from percast.tools.campaign.store import Store
from tests.tools.campaign import plans
from tests.tools.campaign.first_stores import as_first

ONE = ("pictures.frames=1", "conditions.snr=12", "conditions.cbr=1/48")


@pytest.fixture(autouse=True)
def a_new_process(monkeypatch):
    """What an earlier test has opened is not open."""
    monkeypatch.setattr(jobs, "_bench", None)


def exchange(model: Path, name: str) -> None:
    """Put another model's files in the place of one."""
    shutil.rmtree(model)
    shutil.copytree(load_model(name).folder, model)


def again(path: Path, metrics=("psnr",), **wanted) -> tuple[int, list[dict]]:
    asked = Again(**{"realism": None, "model": None, "metrics": metrics} | wanted)
    with Store.open(path, write=True) as store:
        number, _ = remetric(store, asked, Alone(decode_again), False, lambda done: None)
        return number, [row for row in store.rows() if row["decode"] == number]


def test_another_model_in_the_same_place_decodes_nothing_unless_it_is_asked_for(
    small_photos, tmp_path
):
    model = tmp_path / "ours"
    model.mkdir()
    exchange(model, "base")
    plan = plans.write(tmp_path, small_photos, plans.SMALL.replace('"base"', f'"{model}"'))
    path = plans.run(tmp_path / "x.sqlite", plan, "codec.1.engine=onnxruntime", *ONE)
    with Store.open(path) as now, Store.open(as_first(path)) as then:
        assert then.shots(done=True) == now.shots(done=True), "workers are told the model's id"
        (model / "MODEL_CARD.md").write_text("a word more")
        assert changed(now.frozen(), plan_of(now)) == "", "a card computes nothing"
    exchange(model, "mse")
    jobs.bench().close()
    with pytest.raises(ModelError, match="not the one that this campaign began with"):
        again(path)
    with Store.open(path) as store:
        assert len(store.passes()) == 1, "nothing was begun"
    number, rows = again(path, model=str(model))
    with Store.open(path) as store:
        told = store.passes()[number]["settings"]
    assert told["models"][str(model)]["id"] == load_model("mse").id.hex()
    assert told["weights"] == {"psnr": {}} and len(rows) == 1
    with Store.open(path, write=True) as store:
        others = {str(model): load_model("base").id.hex()}
        asked = {key: told[key] for key in ("realism", "model", "metrics", "engine", "weights")}
        assert store.new_pass(asked | {"model_ids": told["model_ids"]}) == number
        assert store.new_pass(asked | {"model_ids": others}) != number, "two models' cells in one"


def test_a_worker_with_other_weights_than_the_campaigns_is_refused(small_photos, tmp_path):
    """Before it measures anything: where it opens what lies at the path that the plan names. One
    that was open before the campaign looks again."""
    weights = tmp_path / "weights"
    weights.write_text("learned")
    text = plans.SMALL.replace(
        'model = "base"',
        f'codec = "tests.engines.codecs.own:Weighted"\ncodec_option = "weights={weights}"',
    )
    path = plans.run(tmp_path / "x.sqlite", plans.write(tmp_path, small_photos, text), *ONE)
    with Store.open(path, write=True) as store:
        (job,) = undone(store)
        weights.write_text("learned more")
        assert not simulate(job).arrival["error"], "it has them open"
        jobs.bench().close()
        with pytest.raises(ModelError, match="has model id [0-9a-f]{8}, the campaign is of"):
            simulate(job)
        weights.write_text("learned")
        assert not simulate(job).arrival["error"], "they are back"


def undone(store: Store) -> list:
    for table in ("decodes", "equalised", "arrivals"):
        store._db.execute(f"DELETE FROM {table}")
    return list(jobs_of(store, plan_of(store)))


def test_a_store_whose_plan_said_what_the_learned_code_never_heeded_is_still_decoded():
    """Before plans were refused that did."""
    settings = layout.codec_settings(CodecSection()) | {"mcs": "3", "conceal": "last"}
    with open_codec("learned", jobs.codec_config(settings, Fraction(1, 48), 10.0)) as codec:
        assert codec.cbr == Fraction(1, 48)
