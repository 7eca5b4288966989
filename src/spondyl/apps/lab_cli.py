"""The laboratory's verbs on the command line. Outside the serving contract, and loaded only when one of them is asked for."""

from __future__ import annotations

import json as jsonlib
import shlex
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The laboratory: digital spines, training, measuring, packing.", no_args_is_help=True, rich_markup_mode=None)
phantom = typer.Typer(help="Make studies of the digital spine.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(phantom, name="phantom")
realism = typer.Typer(help="Measure how alike the digital spine and patients are to networks.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(realism, name="realism")


@app.callback()
def laboratory() -> None:
    """The laboratory's verbs."""


@phantom.callback()
def digital_spine() -> None:
    """Make studies of the digital spine."""


@phantom.command("make", epilog="Example: spondyl phantom make --layout vindr --subjects 20 --seed 1 --out films --workers 2")
def make(
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="Folder to fill; empty, or with --resume.")],
    layout: Annotated[str, typer.Option("--layout", help="vindr, rsna2024, grades, dxa, spider, aasce, dicom, spider-pack or "
                                        "aasce-pack.")] = "",
    subjects: Annotated[int | None, typer.Option("--subjects", min=1, help="How many subjects.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the cohort: the same seed gives the same subjects.")] = None,
    judging: Annotated[str, typer.Option("--judging", help="Name of a judging cohort, in place of what says who is in it and how.")] = "",
    role: Annotated[str, typer.Option("--role", help="train, val, test or twin, which share no subject. Default: the splits.")] = "",
    profile: Annotated[str, typer.Option("--profile", help="What kind of people. Default: such as the layout's real data set shows.")] = "",
    labels: Annotated[str, typer.Option("--labels", help="truth (measured), or read (as readers write them).")] = "truth",
    style: Annotated[str, typer.Option("--style", help="How pictures are taken: train, or eval (other, wider ranges).")] = "train",
    wild: Annotated[bool, typer.Option("--wild", help="Files as archives hold them (vindr): JPEG 2000, hex UIDs, tags missing.")] = False,
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change the profile (prevalences), or fine_mm, "
                                                   "trunk_mm, film_mm, matrix_mm, slices (with --judging too); may be repeated.")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes, up to 1 GB each. The bytes are the same.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run stopped.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write a cohort of the digital spine with its truth, in the layout of a real data set.

    Everything made here is in-silico: it says nothing about patients. A run that is stopped leaves whole subjects and their tables.
    """
    from spondyl.apps import console
    from spondyl.datasets import miniatures

    if judging:
        order, count = miniatures.judging_order(judging, sets=sets or ())
        count = min(subjects or count, count)
    else:
        order = miniatures.order_of(layout, seed, sets or (), profile=profile, role=role, labels=labels, wild=wild, style=style)
        count = subjects or 0
    try:
        with console.progress_bar(rate="subjects/s") as progress:
            miniatures.make_as(order, out, count, workers=workers, resume=resume,
                               on_subject=lambda done: progress("Making subjects", done, count))
    except KeyboardInterrupt:
        typer.echo(f"{miniatures.made(out)} of {count} subjects are whole; the same command with --resume goes on", err=True)
        raise
    files = sum(path.is_file() for path in out.rglob("*"))
    if json:
        body = {"evidence": "in-silico", "subjects": count, **order.as_json(), "out": str(out), "files": files}
        typer.echo(jsonlib.dumps(body, indent=1))
    else:
        people = "1 subject" if count == 1 else f"{count} subjects"
        typer.echo(f"{people} of the digital spine, {files} files, layout {order.layout}, profile {order.profile}: {out}")


@app.command("train", epilog="Example: spondyl train recipes/xray-lesions.toml --data films epochs=10")
def train(
    recipe: Annotated[Path, typer.Argument(help="A TOML file in recipes/.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Values that replace the recipe's.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Root of the data set.")] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Where runs are kept.")] = Path("runs"),
    resume: Annotated[Path | None, typer.Option("--resume", help="Folder of an interrupted run to go on with.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Check the data, train the networks of a recipe, measure them and pack the bundle. What is finished is kept; a stopped run goes on."""
    from spondyl.apps import console
    from spondyl.core import InputError
    from spondyl.lab import verbs

    verbs.task_of(recipe)
    if data is None:
        raise InputError("data-missing", "training needs a data set", "Name its root with --data")
    run = resume or verbs.new_run(recipe, runs)
    try:
        with console.progress_bar() as progress:
            verbs.train(recipe, data, overrides or (), runs, run, progress)
    except (KeyboardInterrupt, InputError) as stopped:
        if (run / "config.json").exists() and getattr(stopped, "code", "training-interrupted") == "training-interrupted":
            again = shlex.join(["spondyl", "train", str(recipe), "--data", str(data), "--resume", str(run), *(overrides or ())])
            typer.echo(f"What is finished is kept. Go on with: {again}", err=True)
        raise
    found = {"run": str(run), "bundle": str(run / "bundle")} | ({"page": str(run / "index.html")} if (run / "index.html").exists() else {})
    typer.echo(jsonlib.dumps(found) if json else "\n".join(f"{name.capitalize()}: {path}" for name, path in found.items()))


@app.command("evaluate", epilog="Example: spondyl evaluate xray-lesions --data films --split test --out figures.json")
def evaluate(
    bundle: Annotated[str, typer.Argument(help="Folder of a bundle, or the name of a task whose bundle ships.")],
    data: Annotated[Path, typer.Option("--data", help="Root of the data set.")],
    layout: Annotated[str, typer.Option("--layout", help="Layout of the data set: vindr, grades, rsna2024, spider or spider_pack. "
                                        "Default: the task's own.")] = "",
    split: Annotated[str, typer.Option("--split", help="Films or studies that are measured on: test, val, train or all.")] = "test",
    films: Annotated[Path | None, typer.Option("--films", help="Folder of pictures that mri-discs must refuse.")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that read and ask (films, stenosis).")] = 1,
    submission: Annotated[Path | None, typer.Option("--submission", help="File for the RSNA 2024 challenge, CSV (mri-stenosis).")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File for the figures, JSON.")] = None,
    backend: Annotated[str, typer.Option("--backend", help="auto, openvino or onnxruntime.")] = "auto",
    precision: Annotated[str, typer.Option("--precision", help="auto, f32 or bf16.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Measure a bundle with the engine that serves it: official scores with intervals. Training images that are met are counted."""
    from spondyl.apps import console
    from spondyl.lab import verbs

    with console.progress_bar() as progress:
        metrics = verbs.evaluate(bundle, data, layout, films, backend, precision, progress, split, workers, submission)
    if said := verbs.warning(metrics):
        typer.echo(said, err=True)
    text = jsonlib.dumps(metrics, indent=1)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    typer.echo(text if json else verbs.tables(metrics))


@app.command("curve", epilog="Example: spondyl curve recipes/xray-grade.toml --data films --subjects 100 --subjects 300 --keep curve")
def curve(
    recipe: Annotated[Path, typer.Argument(help="A TOML file in recipes/, of films.")],
    data: Annotated[Path, typer.Option("--data", help="Root of the data set.")],
    subjects: Annotated[list[int], typer.Option("--subjects", min=1, help="Learn from so many patients or studies; repeat it.")],
    keep: Annotated[Path, typer.Option("--keep", file_okay=False, help="Folder for the networks; goes on where it stopped.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Values that replace the recipe's.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File of figures to put the curve into, JSON.")] = None,
) -> None:
    """Learning curve: the recipe's first member taught by more and more subjects, measured on validation."""
    from spondyl.apps import console
    from spondyl.lab import verbs

    with console.progress_bar() as progress:
        rows = verbs.learning_curve(recipe, data, overrides or (), subjects, keep, progress)
    if out is not None:
        verbs.keep_figures(out, "curve", rows)
    typer.echo(jsonlib.dumps(rows, indent=1))


@app.command("detectors", epilog="Example: spondyl detectors recipes/xray-lesions.toml --data films --name spondyl_slim --keep two")
def compare_detectors(
    recipe: Annotated[Path, typer.Argument(help="A TOML file in recipes/, of lesions.")],
    data: Annotated[Path, typer.Option("--data", help="Root of the data set.")],
    name: Annotated[list[str], typer.Option("--name", help="A detector, with settings of its own behind a colon; repeat it.")],
    keep: Annotated[Path, typer.Option("--keep", file_okay=False, help="Folder for the networks; goes on where it stopped.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Values that replace the recipe's.")] = None,
) -> None:
    """Train detectors side by side as a recipe trains its own, and compare them on validation. All begin with random weights."""
    from spondyl.apps import console
    from spondyl.lab import verbs

    with console.progress_bar() as progress:
        typer.echo(verbs.compare_detectors(recipe, data, overrides or (), name, keep, progress))


@app.command("trust", epilog="Example: spondyl trust xray-lesions --pairs 200 --seed 1 --out figures.json")
def trust(
    bundle: Annotated[str, typer.Argument(help="Folder of a bundle of radiographs, or the name of a task whose bundle ships.")],
    pairs: Annotated[int, typer.Option("--pairs", min=1, help="Patients from whose films a lesion is taken.")] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the digital patients.")] = 0,
    run: Annotated[Path | None, typer.Option("--run", help="The bundle's run: its networks are the ones that get random weights.")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes that draw.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", help="File of figures to put them into, JSON.")] = None,
    backend: Annotated[str, typer.Option("--backend", help="auto, openvino or onnxruntime.")] = "auto",
    precision: Annotated[str, typer.Option("--precision", help="auto, f32 or bf16.")] = "auto",
) -> None:
    """Ask a radiograph bundle about digital patients with and without their lesions: does the map point, does the answer follow?"""
    from spondyl.apps import console
    from spondyl.lab import verbs

    with console.progress_bar() as progress:
        figures = verbs.measure_trust(bundle, pairs, seed, run, workers, backend, precision, progress)
    if out is not None:
        verbs.keep_figures(out, "trust", figures)
    typer.echo(jsonlib.dumps(figures, indent=1))


@app.command("export", epilog="Example: spondyl export runs/mri-discs/2026-11-20T09-00-00 --out my-bundles/mri-discs")
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="New folder for the bundle.")],
    figures: Annotated[Path | None, typer.Option("--figures", help="What `evaluate` measured of this bundle: goes onto its card.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Copy the bundle of a finished run and check every file of it."""
    from spondyl.lab import verbs

    bundle = verbs.export(run, out, figures)
    body = {"name": bundle.note.name, "version": bundle.note.version, "sha256": bundle.sha256, "out": str(out)}
    typer.echo(jsonlib.dumps(body) if json else f"{bundle.note.name} {bundle.note.version} ({bundle.sha256[:12]}): {out}")


@phantom.command("samples", epilog="Example: spondyl phantom samples --seed 7 --out samples")
def samples(
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="Folder to fill.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed: the same seed gives the same studies.")] = 7,
) -> None:
    """Write the six studies of the demo: with T1 and T2, cropped, transitional, a PNG, and one that is refused."""
    from spondyl.datasets.dicom_folder import write_samples

    for row in write_samples(out, seed):
        typer.echo(f"{row['name']}: {row['title']}")


@realism.callback()
def how_alike() -> None:
    """Measure how alike the digital spine and patients are to networks."""


@realism.command("slices", epilog="Example: spondyl realism slices mri-discs --cohort mri_realism_tuning --fold 0 --fold 1")
def realism_slices(
    bundle: Annotated[str, typer.Argument(help="Folder of a bundle, or the name of a task whose bundle ships.")],
    cohort: Annotated[str, typer.Option("--cohort", help="A judging cohort; mri_realism_test is for the one quotation.")],
    fold: Annotated[list[int], typer.Option("--fold", help="Networks that are blind to these folds only are asked; repeat it.")],
    source: Annotated[str, typer.Option("--source", help="Who paints the slice: volume or midline.")] = "volume",
    subjects: Annotated[int | None, typer.Option("--subjects", min=1, help="Only the first so many.")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that draw.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", help="File of figures to put them into, JSON.")] = None,
    name: Annotated[str, typer.Option("--as", help="Their name in that file.")] = "slices",
    backend: Annotated[str, typer.Option("--backend", help="auto, openvino or onnxruntime.")] = "auto",
    precision: Annotated[str, typer.Option("--precision", help="auto, f32 or bf16.")] = "auto",
) -> None:
    """Ask a bundle that was trained on patients about the digital spine: discs found, numbered and graded.

    In-silico: this says how alike the digital spine is to patients, not how good the networks are.
    """
    from spondyl.apps import console
    from spondyl.lab import verbs

    with console.progress_bar() as progress:
        figures = verbs.measure_realism(
            bundle, cohort, fold, backend, precision, progress, source=source, subjects=subjects, workers=workers
        )
    if out is not None:
        verbs.keep_figures(out, name, figures)
    typer.echo(jsonlib.dumps(figures, indent=1))


@realism.command("patients", epilog="Example: spondyl realism patients runs/mri-discs-phantom/RUN/bundle --data spider")
def realism_patients(
    bundle: Annotated[str, typer.Argument(help="Folder of a bundle that the digital spine taught.")],
    data: Annotated[Path, typer.Option("--data", help="Root of the patients' data set.")],
    layout: Annotated[str, typer.Option("--layout", help="Layout of the data set: spider or spider_pack.")] = "spider_pack",
    out: Annotated[Path | None, typer.Option("--out", help="File of figures to put them into, JSON.")] = None,
    backend: Annotated[str, typer.Option("--backend", help="auto, openvino or onnxruntime.")] = "auto",
    precision: Annotated[str, typer.Option("--precision", help="auto, f32 or bf16.")] = "auto",
) -> None:
    """Ask a bundle that was trained on the digital spine alone about patients: discs found, numbered and graded."""
    from spondyl.apps import console
    from spondyl.lab import verbs

    with console.progress_bar() as progress:
        figures = verbs.measure_on_patients(bundle, data, layout, backend, precision, progress)
    if out is not None:
        verbs.keep_figures(out, "phantom_only", figures)
    typer.echo(jsonlib.dumps(figures, indent=1))


@realism.command("pretraining", epilog="Example: spondyl realism pretraining RUN --start PHANTOM_RUN --data spider --keep said")
def realism_pretraining(
    run: Annotated[Path, typer.Argument(help="A finished run on patients: its recipe, folds and found discs are used.")],
    start: Annotated[Path, typer.Option("--start", help="A finished run on the digital spine, whose graders are the beginning.")],
    data: Annotated[Path, typer.Option("--data", help="Root of the patients' data set.")],
    keep: Annotated[Path, typer.Option("--keep", file_okay=False, help="Folder for what each network said; goes on where it stopped.")],
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Epochs of every grader. Default: the run's.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File of figures to put them into, JSON.")] = None,
) -> None:
    """Train graders on patients with and without the digital spine before, and compare them out of fold on T2."""
    from spondyl.apps import console
    from spondyl.lab import verbs

    with console.progress_bar() as progress:
        figures = verbs.compare_pretraining(run, start, data, keep, epochs, progress)
    if out is not None:
        verbs.keep_figures(out, "pretraining", figures)
    typer.echo(jsonlib.dumps(figures, indent=1))


@phantom.command("show", epilog="Example: spondyl phantom show --seed 7 --out sheet.png")
def show(
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the cohort.")],
    out: Annotated[Path, typer.Option("--out", dir_okay=False, help="The picture to write, PNG.")] = Path("contact-sheet.png"),
    subject: Annotated[int, typer.Option("--subject", min=0, help="Number of the subject in that cohort.")] = 0,
    profile: Annotated[str, typer.Option("--profile", help="What kind of people are drawn.")] = "symptomatic",
    role: Annotated[str, typer.Option("--role", help="train, val, test or twin.")] = "train",
    quick: Annotated[bool, typer.Option("--quick", help="A coarse look in a fraction of the time.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The subject's truth as JSON on stdout.")] = False,
) -> None:
    """Draw a contact sheet of one subject: films, DXA, sagittal and axial MR, with the truth drawn in."""
    from spondyl.lab import phantoms

    typer.echo("Building one subject and taking its pictures: some ten seconds", err=True)
    truth = phantoms.show(seed, subject, role, profile, out, quick)
    typer.echo(truth.to_json() if json else f"Subject {subject} of seed {seed}: {out}")


@phantom.command("twin", epilog="Example: spondyl phantom twin --seed 7 --without L4/L5:stenosis --out twin.png")
def twin(
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the cohort.")],
    change: Annotated[str, typer.Option("--without", help="What the twin lacks, as PLACE:THING: L4/L5:stenosis, L1:fracture, scoliosis.")],
    out: Annotated[Path, typer.Option("--out", dir_okay=False, help="The picture to write: patient above, twin below.")] = Path("twin.png"),
    subject: Annotated[int, typer.Option("--subject", min=0, help="Number of the subject in that cohort.")] = 0,
    profile: Annotated[str, typer.Option("--profile", help="What kind of people are drawn.")] = "symptomatic",
    role: Annotated[str, typer.Option("--role", help="train, val, test or twin.")] = "train",
    quick: Annotated[bool, typer.Option("--quick", help="A coarse look in a fraction of the time.")] = False,
    json: Annotated[bool, typer.Option("--json", help="What differs between the two truths, as JSON on stdout.")] = False,
) -> None:
    """Draw the same patient with and without one thing, and say which labels it changes."""
    from spondyl.lab import phantoms

    typer.echo("Building two subjects and taking their pictures: some twenty seconds", err=True)
    rows = phantoms.twin(seed, subject, role, profile, change, out, quick)
    if json:
        typer.echo(jsonlib.dumps({"without": change, "changed": rows}, indent=1))
    else:
        typer.echo("\n".join([*(f"{row['label']}: {row['with']} -> {row['without']}" for row in rows), f"Without {change}: {out}"]))
