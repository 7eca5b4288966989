"""The laboratory's verbs on the command line. Outside the serving contract, and loaded only when one of them is asked for."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The laboratory: digital spines, training, measuring, packing.", no_args_is_help=True, rich_markup_mode=None)
phantom = typer.Typer(help="Make studies of the digital spine.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(phantom, name="phantom")


@app.callback()
def laboratory() -> None:
    """The laboratory's verbs."""


@phantom.callback()
def digital_spine() -> None:
    """Make studies of the digital spine."""


@phantom.command("make", epilog="Example: spondyl phantom make --layout dicom --subjects 5 --seed 1 --out spines")
def make(
    layout: Annotated[str, typer.Option("--layout", help="dicom, spider or spider_pack (flat PNG slices).")],
    subjects: Annotated[int, typer.Option("--subjects", min=1, help="How many subjects.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the cohort: the same seed gives the same subjects.")],
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="Folder to fill; empty, or with --resume.")],
    role: Annotated[str, typer.Option("--role", help="train, val, test or twin: roles of one seed never share a subject.")] = "train",
    profile: Annotated[str, typer.Option("--profile", help="symptomatic, healthy, uniform or transitional.")] = "symptomatic",
    slices: Annotated[int, typer.Option("--slices", min=1, max=25, help="Slices in each DICOM series.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run stopped.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write a cohort of the digital spine with its truth, in the layout of a real data set.

    Everything made here is in-silico: it says nothing about patients.
    """
    from spondyl.apps import console
    from spondyl.datasets import miniatures

    with console.progress_bar() as progress:
        miniatures.make(
            layout, out, subjects, seed, role=role, profile=profile, slices=slices, resume=resume,
            on_subject=lambda done: progress("Drawing subjects", done, subjects),
        )
    files = sum(path.is_file() for path in out.rglob("*"))
    if json:
        body = {"layout": layout, "evidence": "in-silico", "subjects": subjects, "seed": seed, "role": role, "profile": profile,
                "out": str(out), "files": files}
        typer.echo(jsonlib.dumps(body, indent=1))
    else:
        typer.echo(f"{subjects} subjects of the digital spine, {files} files, layout {layout}: {out}")
