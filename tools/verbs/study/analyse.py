# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast study analyse`: the figures of a study, and its report."""

import argparse
from collections import Counter
from pathlib import Path

from percast.errors import LinkError
from percast.tools import process, report, terminal
from percast.tools.destination import ready_folder
from percast.tools.options import add_output_options
from percast.tools.study.analysis.config import AnalyseConfig
from percast.tools.study.answers import Answers
from percast.tools.study.plan import Folder
from percast.tools.study.ratios import too_few

HELP = "scores, preferences and the bandwidth at equality, with a report"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help="its folder")
    AnalyseConfig.add_options(parser)
    add_output_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    config = AnalyseConfig.from_args(args)
    folder = Folder.open(args.study)
    analyse(folder, config, args.json)
    return 0


def analyse(folder: Folder, config: AnalyseConfig, as_json: bool) -> None:
    """Writes the report and prints what it says.

    Raises:
        PercastError: no answers, or nowhere to write.
    """
    # Other verbs of `study` do without what this loads.
    from percast.tools.pages import write_page
    from percast.tools.study.analysis import export, people, power, results, rule
    from percast.tools.study.analysis.report import make_page

    study = folder.study
    folder.check_pictures()
    with Answers.open(folder, simulated=config.simulated) as store:
        answers = store.rows()
        observers = store.observers()
        simulated = store.simulated
    displays = [each["display"] for each in observers if each["agreed"]]
    verdicts = rule.judge(study, answers)
    if not verdicts:
        raise LinkError(f"{folder.path}: nobody has answered yet")
    stays = [verdict.slot for verdict in verdicts if verdict.stays]
    out = config.out or folder.path / ("report-simulated" if simulated else "report")
    ready_folder(out)
    counted = export.rows(study, answers, set(stays), bool(simulated))
    export.write_csv(out / "answers.csv", export.HEADS, counted)
    joined = people.rows(study, observers, verdicts, bool(simulated))
    export.write_csv(out / "observers.csv", people.heads(study), joined)
    if not stays:
        why = Counter(reason for verdict in verdicts for reason in verdict.reasons)
        most = ", ".join(f"{reason} ({times})" for reason, times in why.most_common(4))
        raise LinkError(
            f"{folder.path}: the rule leaves out all {len(verdicts)} observers: {most}; their "
            f"answers are in {out}"
        )
    found = results.compute(study, answers, stays, config.resamples)
    everybody = results.compute(study, answers, [v.slot for v in verdicts], config.resamples)
    sizes = []
    if config.power:
        with terminal.progress_bar("simulated") as on_progress:
            sizes = power.plan(study, power.truth_of(found), on_progress=on_progress)
    page = make_page(folder, answers, verdicts, found, everybody, displays, simulated, sizes)
    write_page(out / "report.html", page)
    summary = dict(export.summary(study, folder.sha256, verdicts, found, everybody, simulated))
    if config.power:
        best = power.enough(sizes, config.width)
        summary["power"] = [vars(size) for size in sizes]
        summary["enough"] = None if best is None else vars(best)
    summary["report"] = str(out / "report.html")
    if as_json:
        report.print_json(summary)
        return
    _print(folder, config, verdicts, found, summary)
    process.say(f"report: {summary['report']}")


def _print(folder: Folder, config: AnalyseConfig, verdicts, found, summary) -> None:
    from percast.tools.study.analysis import scores

    if summary["simulated"]:
        print(f"SIMULATED  {summary['simulated']}")
    print(f"observers  {found.tally.observers} of {len(verdicts)} count")
    for verdict in verdicts:
        if not verdict.stays:
            print(f"left out   observer {verdict.slot + 1}: {'; '.join(verdict.reasons)}")
    for each in (*found.equal, *found.equal_at):
        at = f" at {each.rate}" if each.rate else ""
        print(f"equal      {each.ours} takes {each} of {each.theirs}'s bandwidth{at}")
        print(f"           95% interval {each.interval}")
        if each.bound != "unknown":
            print(f"saved      {each.saved} (95% interval {each.saved.interval})")
    for words in too_few(folder.study):
        print(f"equal      unknown: {words}")
    for condition, value, margin in zip(folder.study.conditions, *found.in_jod, strict=True):
        print(f"score      {value:+.2f} {scores.margin_text(margin)} {condition.name}")
    if config.power:
        best = summary["enough"]
        what = f"an interval of {100 * config.width:g} points"
        if best is None:
            print(f"power      no size that was simulated gives {what}")
        else:
            size = f"{best['observers']} observers and {best['pictures']} pictures"
            print(f"power      {what} takes {size}")
