"""The bundle that ships, on scans of the digital spine that nobody trained it on, whole and spoilt. In-silico: no figures of patients."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spondyl.core import Beam, DensitySaid, Image, Series, Study, StudyResult, TaskOutput
from spondyl.core.identity import pixel_hash
from spondyl.datasets.pictures import write_grey
from spondyl.inference import Shelf, open_engine
from spondyl.metrics.bone_density import CLASSES
from spondyl.phantom import draw_subject
from spondyl.phantom.dxa_others import draw_dxa_other
from spondyl.phantom.dxa_turned import inverted, on_its_side, photographed, report_with, upside_down
from spondyl.phantom.measured import measure_subject
from spondyl.phantom.rays import DxaScan, draw_dxa, render_dxa
from spondyl.phantom.rays.attenuation import BASIS, attenuation
from spondyl.phantom.solid import Detail, build
from spondyl.tasks.dxa_osteoporosis import DxaOsteoporosis
from spondyl.tasks.dxa_osteoporosis.features import GROUPS
from spondyl.tasks.port import process_study

SHELF = Shelf(precision="f32")
pytestmark = pytest.mark.skipif("dxa-osteoporosis" not in SHELF.names(), reason="the bundle dxa-osteoporosis is not shipped here")
Grey = NDArray[np.uint8]
SPAN = 26.0


@cache
def drawn(seed: int = 3, text: bool = True) -> DxaScan:
    rng = np.random.default_rng(seed)
    volume = build(draw_subject(rng, "dxa"), Detail(trunk_mm=4.0))
    return render_dxa(volume, replace(draw_dxa(rng, volume, "eval"), text=text))


@cache
def true_bmd(seed: int = 3) -> float:
    rng = np.random.default_rng(seed)
    density = measure_subject(build(draw_subject(rng, "dxa"), Detail(trunk_mm=4.0))).density
    assert density is not None
    return density.bmd_g_cm2


def image_of(pixels: NDArray[np.floating] | Grey, **more: object) -> Image:
    plain = np.asarray(pixels, np.float32) / np.float32(255) if pixels.dtype == np.uint8 else np.asarray(pixels, np.float32)
    return Image(pixel_hash(plain), plain, **more)  # type: ignore[arg-type]


def study_of(*images: Image, modality: str = "", age: float | None = 66.0, sex: str | None = "F", **more: object) -> Study:
    return Study("key", (Series("series", modality, images),), sex, age, **more)  # type: ignore[arg-type]


def pair_of(scan: DxaScan) -> tuple[Image, Image]:
    table = attenuation(np.array(scan.acquisition.energies_kev))
    spacing = (scan.acquisition.pixel_mm,) * 2
    columns = [BASIS.index("mineral"), BASIS.index("soft")]
    beams = [Beam(scan.acquisition.energies_kev[k], *table[k, columns], SPAN) for k in range(2)]
    low, high = (image_of(scan.logs[k] / SPAN, spacing_mm=spacing, spacing_source="PixelSpacing", beam=beams[k]) for k in range(2))
    return low, high


def answered(study: Study, reference: str = "") -> TaskOutput:
    return process_study(study, DxaOsteoporosis(reference) if reference else DxaOsteoporosis(), SHELF)


@cache
def picture() -> TaskOutput:
    return answered(study_of(image_of(drawn().picture)))


def codes(result: StudyResult) -> set[str]:
    return {warning.code for warning in result.warnings}


def refusal(pixels: Grey | NDArray[np.floating], **more: object) -> str:
    result = answered(study_of(image_of(pixels, **more))).result
    assert result.status == "refused", result.findings
    assert result.refusal
    assert result.refusal["hint"]
    return result.refusal["code"]


def test_a_picture_gets_a_class_with_votes_reasons_and_a_map():
    result = picture().result
    own, *vertebrae = result.findings
    assert result.status == "done"
    assert own.probabilities is not None
    assert sum(own.probabilities.values()) == pytest.approx(1)
    assert set(own.members) == {"cnn", "vgg16", "forest", "trees", "student"}
    assert set(own.contributions) == set(GROUPS)
    assert own.contributions["areal density"] == 0
    assert own.value in own.set
    assert [one.level for one in vertebrae] == ["L1", "L2", "L3", "L4"]
    (heat,) = picture().maps
    corners = np.array([[0, 0], [heat.values.shape[1], heat.values.shape[0]]])
    (x0, y0), (x1, y1) = corners @ heat.to_image[:, :2].T + heat.to_image[:, 2]
    for one in vertebrae:
        assert one.box is not None
        assert min(x0, x1) <= one.box[0] <= one.box[2] <= max(x0, x1)
        assert min(y0, y1) - 20 <= one.box[1] <= one.box[3] <= max(y0, y1) + 20
    assert not [one for one in result.measurements if one.name in ("t_score", "areal_bone_density")], "a picture has no density"


def test_what_is_written_below_changes_nothing():
    plain, written = drawn(text=False).picture, drawn(text=True).picture
    a, b = (answered(study_of(image_of(pixels))).result.findings[0] for pixels in (plain, written))
    assert a.probabilities == pytest.approx(b.probabilities, abs=0.02)
    for name in a.members:
        assert a.members[name] == pytest.approx(b.members[name], abs=0.02)
    assert "report-text-masked" in codes(picture().result)


def test_a_calibrated_pair_is_measured_against_the_reference_that_was_chosen():
    result = answered(study_of(*pair_of(drawn()), modality="BMD")).result
    table = {(one.name, one.level): one for one in result.measurements}
    mean = table["areal_bone_density", None]
    assert mean.value == pytest.approx(true_bmd(), abs=0.1)
    assert mean.error is not None
    assert {"density-measured"} <= codes(result)
    assert table["t_score", None].value == pytest.approx((mean.value - 1.064) / 0.106, abs=0.01)
    assert "z_score" in {one.name for one in result.measurements}
    other = answered(study_of(*pair_of(drawn()), modality="BMD"), "ge").result
    assert next(one for one in other.measurements if one.name == "t_score").value == pytest.approx((mean.value - 1.18) / 0.12, abs=0.01)
    assert "GE" in next(one for one in other.measurements if one.name == "t_score").method


def test_the_report_of_the_scanner_goes_first_and_is_named():
    told = (DensitySaid("L1-L4", 0.71, -3.1, -1.0, "Enhanced SR"),)
    result = answered(study_of(image_of(drawn().picture), densities=told)).result
    assert result.findings[0].value == "osteoporosis"
    assert {(one.name, one.value) for one in result.measurements} >= {("t_score", -3.1), ("areal_bone_density", 0.71), ("z_score", -1.0)}
    assert any("Enhanced SR" in one.message for one in result.warnings if one.code == "density-from-report")


def test_a_density_without_a_t_score_gets_no_class():
    told = (DensitySaid("L1-L4", 0.71, None, None, "Enhanced SR"),)
    result = answered(study_of(image_of(drawn().picture), densities=told)).result
    assert result.findings[0].value is None
    assert result.findings[0].refer
    assert "t_score" not in {one.name for one in result.measurements}


@pytest.mark.parametrize("age", [30.0, 49.9])
def test_people_under_fifty_get_a_z_score_and_no_class(age: float):
    result = answered(study_of(*pair_of(drawn()), modality="BMD", age=age)).result
    own = result.findings[0]
    assert (own.value, own.probabilities, own.members) == (None, None, {})
    assert "who-classes-do-not-apply" in codes(result)
    assert {one.name for one in result.measurements} >= {"z_score", "areal_bone_density"}
    assert "t_score" not in {one.name for one in result.measurements}


def test_an_unknown_age_is_said():
    assert "age-unknown" in codes(answered(study_of(image_of(drawn().picture), age=None)).result)


def test_the_same_picture_gives_the_same_answer():
    again = answered(study_of(image_of(drawn().picture)))
    assert again.result.without_timings() == picture().result.without_timings()


SPOILT: dict[str, tuple[Callable[[Grey, np.random.Generator], Grey], set[str]]] = {
    "inverted": (lambda p, _: inverted(p), {"grey-inverted"}),
    "upside_down": (lambda p, _: upside_down(p), {"picture-upside-down"}),
    "on_its_side": (lambda p, _: on_its_side(p), {"picture-on-its-side"}),
    "photographed": (photographed, {"photograph", "picture-too-small", "not-a-spine-density", "report-page", "radiograph", "hip-density"}),
    "report": (report_with, {"report-page", "text-only", "photograph", "not-a-spine-density"}),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_picture_is_refused_by_name(name: str):
    change, wanted = SPOILT[name]
    got = [refusal(change(drawn(seed).picture, np.random.default_rng(seed))) for seed in (3, 4)]
    assert set(got) <= wanted


@pytest.mark.parametrize("kind", ["hip_dxa", "chest", "text_only", "xray_lateral", "report_page", "photo", "noise", "forearm_dxa",
                                  "brain_axial"])
def test_other_pictures_are_refused(kind: str):
    rng = np.random.default_rng(12)
    for _ in range(3):
        refusal(np.asarray(draw_dxa_other(rng, kind), np.float32))


def test_small_coloured_and_flat_pictures_are_refused_by_name():
    assert refusal(drawn().picture[::5, ::4]) == "picture-too-small"
    assert refusal(drawn().picture, colour=True) == "colour-picture"
    assert refusal(np.full((200, 150), 0.4, np.float32)) == "no-contrast"


@pytest.mark.parametrize(("modality", "word"), [("MR", "MR slice"), ("DX", "radiograph"), ("CT", "CT slice")])
def test_other_modalities_are_refused_by_name(modality: str, word: str):
    result = answered(study_of(image_of(drawn().picture), modality=modality)).result
    assert result.refusal is not None
    assert (result.refusal["code"], word in result.refusal["message"]) == ("not-a-density-picture", True)


def test_a_frame_of_a_pair_alone_is_not_read_as_a_picture():
    low, _ = pair_of(drawn())
    result = answered(study_of(low, modality="BMD")).result
    assert result.refusal is not None
    assert result.refusal["code"] == "pair-incomplete"


def test_the_student_says_on_one_core_of_another_runtime_what_it_says_in_the_server():
    bundle = SHELF.bundle("dxa-osteoporosis")
    scan = np.random.default_rng(0).random((1, 1, *bundle.settings["frames"]["scan"]), np.float32)
    said = [open_engine(bundle, backend, "f32", threads).run("student", {"scan": scan})["probabilities"]
            for backend, threads in (("onnxruntime", 1), ("openvino", 2))]
    assert np.abs(said[0] - said[1]).max() <= 0.02
    assert len(bundle.read(bundle.network("student").file)) < 5 * 2**20
    assert said[0].sum() == pytest.approx(1, abs=1e-5)
    assert len(said[0][0]) == len(CLASSES)


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_the_snippet_for_small_devices_gives_what_the_server_says(seed: int, tmp_path: Path):
    guide = (Path(__file__).parents[3] / "docs" / "how-to" / "density-on-small-devices.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", guide, re.S)
    bundle = SHELF.bundle("dxa-osteoporosis")
    (tmp_path / "student.onnx").write_bytes(bundle.read(bundle.network("student").file))
    pixels = drawn(seed, text=False).picture
    write_grey(tmp_path / "scan.png", pixels)
    names: dict[str, Any] = {}
    for name in ("student.onnx", "scan.png"):
        code = code.replace(f'"{name}"', repr(str(tmp_path / name)))
    exec(code, names)
    served = answered(study_of(image_of(pixels))).result.findings[0].members["student"]
    assert names["probabilities"][0] == pytest.approx(list(served.values()), abs=0.02)
