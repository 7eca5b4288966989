"""Cohorts as DICOM: for each subject an MR study of three series, an AP and a lateral film and a DXA picture, with the truth beside them.

    subject-0000/t1/1.dcm ...        t2/, axial_t2/: one series a folder; ap/1.dcm, lateral/1.dcm, dxa/1.dcm
    truth.json                       `spondyl.phantom-truth/1`; `slices` of a subject are what the reader of this layout hands out
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.datasets.dicom_film import density_object, film_object
from spondyl.datasets.dicom_folder import GRADES, SCHEMA
from spondyl.datasets.dicom_objects import Owner, save
from spondyl.datasets.dicom_writer import write_series
from spondyl.datasets.making.keeping import write_whole
from spondyl.datasets.making.layout import Layout, Plan, Record
from spondyl.datasets.making.order import Order
from spondyl.datasets.making.truths import film_truth, stenosis_marks, subject_truth, whole_discs
from spondyl.datasets.making.views import built, density_scan_of, film_of, series_names, study_of
from spondyl.datasets.records import Box
from spondyl.phantom.measured import SubjectTruth, density_words
from spondyl.phantom.rays import DxaScan, render_dxa, render_xray
from spondyl.phantom.resonance import MrAcquisition, MrSeries, render_mr

VIEWS = ("ap", "lateral")


def draw_plan(order: Order, index: int) -> Plan:
    """The subject in every modality. The fluid-sensitive series is always T2, which every task of the clinic reads."""
    rng = order.rng(index)
    spec = order.subject(rng)
    scans: dict[str, Any] = {**study_of(rng, spec, order, stir=False), **{view: film_of(rng, spec, view, order) for view in VIEWS}}
    return Plan(index, spec, {**scans, "dxa": density_scan_of(rng, spec, order)})


def write_subject(root: Path, plan: Plan, order: Order) -> Record:
    """All files of the subject, and its part of truth.json."""
    folder = f"subject-{plan.index:04d}"
    volume = built(plan.spec, order.scale)
    truth = subject_truth(volume, order, plan.index)
    owner = Owner(order.owner(plan.index), plan.spec.sex, plan.spec.age_years)
    names = series_names({name: scan for name, scan in plan.scans.items() if isinstance(scan, MrAcquisition)})
    rendered = {name: render_mr(volume, plan.scans[name]) for name in names}
    slices = []
    for number, name in enumerate(names, start=1):
        write_series(root / folder / name, rendered[name], owner, number)
        if not name.startswith("axial"):
            slices.append(_slice_row(plan.index, truth, rendered[name], f"{folder}/{name}"))
    films = []
    for k, view in enumerate(VIEWS, start=1):
        film = render_xray(volume, plan.scans[view])
        save(root / folder / view / "1.dcm", film_object(film.pixels, film.acquisition, owner, len(names) + k, "DX"))
        films.append({"file": f"{folder}/{view}/1.dcm", **asdict(film_truth(truth, film, order, plan.index))})
    marks = [{"target": target, "grade": mark[0], "file": f"{folder}/{mark[1]}/{mark[2] + 1}.dcm", "x": mark[3], "y": mark[4]}
             for target, mark in stenosis_marks(truth, rendered).items()]
    scan = render_dxa(volume, plan.scans["dxa"], words=density_words(truth))
    density = _write_density(root, folder, scan, owner, len(names) + 3)
    return {"subject": plan.index, "slices": slices, "films": films, "density": density, "stenosis": marks,
            "truth": json.loads(truth.to_json())}


def _write_density(root: Path, folder: str, scan: DxaScan, owner: Owner, number: int) -> dict[str, Any]:
    ds = density_object(scan.picture, scan.acquisition.pixel_mm, owner, number, bool(scan.acquisition.text))
    save(root / folder / "dxa" / "1.dcm", ds)
    return {"file": f"{folder}/dxa/1.dcm", "measured_g_cm2": scan.bmd_g_cm2, "measured_t_score": scan.t_score,
            "reference": scan.reference.name, "regions": [asdict(region) for region in scan.regions]}


def _slice_row(subject: int, truth: SubjectTruth, series: MrSeries, folder: str) -> dict[str, Any]:
    """What truth.json says of the slice nearest to the discs' middles."""
    scan = series.acquisition
    whole = whole_discs(truth, series)
    places = [series.to_image(np.array(disc.corners_mm)) for disc in whole]
    at = float(np.median([place[:, 2].mean() for place in places])) if places else len(series.pixels) / 2
    middle = int(np.clip(np.rint(at), 0, len(series.pixels) - 1))
    discs = [{"from_bottom": disc.from_bottom, "level": disc.level, "box": _box(place[:, :2], scan), "corners": place[:, :2].tolist(),
              "height_mm": disc.height_mm, **{name: getattr(disc, name) for name in GRADES}}
             for disc, place in zip(whole, places, strict=True)]
    return {"subject": subject, "sequence": scan.sequence, "file": f"{folder}/{middle + 1}.dcm", "lumbar": truth.lumbar,
            "spacing_mm": list(scan.spacing_mm), "discs": discs}


def _box(pixels: NDArray[np.float64], scan: MrAcquisition) -> Box:
    """The box around the disc's mid-line corners, half-open, clipped to the picture."""
    low = np.clip(np.floor(pixels.min(axis=0)), 0, None)
    high = np.clip(np.ceil(pixels.max(axis=0)) + 1, None, [scan.columns, scan.rows])
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def write_truth(root: Path, records: Iterator[tuple[int, Record]], order: Order) -> None:
    """truth.json, a subject a line, so that it is never whole in memory twice."""
    head = {"schema": SCHEMA, "evidence": "in-silico", "seed": order.seed, "role": order.role_of(0), "profile": order.profile}
    lines = ",\n".join(json.dumps(record) for _, record in records)
    write_whole(root / "truth.json", json.dumps(head)[:-1] + f', "subjects": [\n{lines}\n]}}\n')


LAYOUTS = {"dicom": Layout("dicom", draw_plan, write_subject, write_truth)}
