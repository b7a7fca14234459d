# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs what a store still lacks."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from percast.errors import FileError
from percast.tools.campaign.checking import Checked
from percast.tools.campaign.crews import Crew, open_crew
from percast.tools.campaign.frozen import changed, command, computed, frozen
from percast.tools.campaign.jobs import Job, Kept
from percast.tools.campaign.layout import lay_out
from percast.tools.campaign.plan import Plan, plan_of_tables
from percast.tools.campaign.sections import AIR, RECORDING
from percast.tools.campaign.store import Store
from percast.tools.campaign.tables.rows import worker_died

log = logging.getLogger(__name__)

OnProgress = Callable[[float], None]


def begin(path: Path, checked: Checked) -> None:
    """Make the store of a plan, with all that is to be done.

    Raises:
        PercastError: it cannot be written, a picture or a model cannot be read.
    """
    plan = checked.plan
    told = frozen(plan)
    if path.exists():
        raise FileError(
            f"{path} is there already: `percast campaign resume {path}` goes on with it"
        )
    # Under another name until it is whole: what is cut off in here leaves no store.
    half = path.with_name(f".{path.name}.half")
    half.unlink(missing_ok=True)
    try:
        with Store.open(half, create=True) as store:
            if plan.campaign.medium == RECORDING:
                from percast.tools.campaign.recorded import lay_out_recording

                lay_out_recording(store, plan, told)
            else:
                lay_out(store, plan, told)
        half.rename(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def plan_of(store: Store) -> Plan:
    """The plan that a store was made of."""
    made = store.frozen()["plan"]
    return plan_of_tables(made["parsed"], made["name"], made["toml"]).plan()


def go_on(
    store: Store, plan: Plan, scheduler: str | None, workers: int, on_progress: OnProgress
) -> None:
    """Do all shots that are not done.

    Raises:
        PercastError: anything that the user can mend; what was done is in the store.
    """
    done = store.counts()["cells_done"]
    on_progress(done)
    if not store.shots():
        return
    told = store.frozen()
    if changes := changed(told, plan):
        store.note(f"goes on with other versions: {changes}")
        log.warning("the campaign goes on with other versions: %s", changes)
    if left_out := told["metrics"].keys() - set(computed(told["metrics"])):
        names = ",".join(sorted(left_out))
        text = f"without {names}: no weights when the campaign began"
        store.note(text)
        log.warning("%s; afterwards, `percast campaign remetric --metrics %s`", text, names)
    store.note(f"at work: {command()}")
    with _crew(store, plan, scheduler, workers) as crew:
        for result in crew.work(jobs(store, plan)):
            store.done(result)
            if not worker_died(result.arrival):
                done += len(result.decodes)
            on_progress(done)
    if missing := store.counts()["shots_given_up"]:
        store.note(f"all is done but {missing} transmissions whose workers died")
    else:
        store.note("all is done")


def jobs(store: Store, plan: Plan) -> Iterator[Job]:
    """What is still to be done, in its order."""
    campaign = plan.campaign
    metrics = computed(store.frozen()["metrics"])
    picture, png = "", b""
    for shot in store.shots():
        if shot.picture != picture:
            picture, png = shot.picture, store.reference(shot.picture)
        wanted = shot, png, metrics, campaign.pictures
        if campaign.medium == RECORDING:
            yield Kept(*wanted, symbols=False, equalised=store.equalised(shot.shot))
        else:
            yield Job(*wanted, campaign.symbols)


@contextlib.contextmanager
def _crew(store: Store, plan: Plan, scheduler: str | None, workers: int) -> Iterator[Crew]:
    def event(text: str) -> None:
        log.warning("%s", text)
        store.note(text)

    if plan.campaign.medium == AIR:
        from percast.tools.campaign.air.crew import open_air

        with open_air(store, plan, event) as crew:
            yield crew
    elif plan.campaign.medium == RECORDING:
        from percast.tools.campaign.recorded import decode_recorded

        with open_crew(scheduler, workers, event, decode_recorded) as crew:
            yield crew
    else:
        with open_crew(scheduler, workers, event) as crew:
            yield crew
