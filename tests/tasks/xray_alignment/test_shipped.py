"""The bundle that ships, on films of the digital spine, whole and spoilt. In-silico: no figures of patients."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from spondyl.core import Image, Refusal, Series, Study, StudyResult
from spondyl.core.identity import pixel_hash
from spondyl.datasets.making.order import Order, Scale
from spondyl.datasets.making.views import built, film_of
from spondyl.inference import Shelf
from spondyl.metrics.spine_curves import cobb_angles
from spondyl.phantom import draw_subject, render_xray
from spondyl.phantom.others import draw_other
from spondyl.tasks.port import process_study
from spondyl.tasks.xray_alignment import XrayAlignment
from spondyl.tasks.xray_alignment.gate import REFUSALS, check_film

SHELF = Shelf(precision="f32")
pytestmark = pytest.mark.skipif("xray-alignment" not in SHELF.names(), reason="the bundle xray-alignment is not shipped here")
ORDER = Order("aasce", 0, scale=Scale(fine_mm=1.2, trunk_mm=4.0, film_mm=0.5))
Pixels = NDArray[np.float32]


@cache
def drawn(seed: int = 4, view: str = "ap") -> Pixels:
    rng = np.random.default_rng(seed)
    spec = draw_subject(rng, "scoliosis")
    film = render_xray(built(spec, ORDER.scale, whole_spine=True), film_of(rng, spec, view, ORDER, "whole_spine"))
    return np.asarray(film.shown, np.float32) / np.float32(2**film.acquisition.bits - 1)


def answered(pixels: Pixels, *others: Pixels, **more: object) -> StudyResult:
    images = tuple(Image(pixel_hash(one), np.ascontiguousarray(one, np.float32), **more) for one in (pixels, *others))  # type: ignore[arg-type]
    return process_study(Study("key", (Series("series", "", images),)), XrayAlignment(), SHELF).result


def codes(result: StudyResult) -> set[str]:
    return {warning.code for warning in result.warnings}


def said(result: StudyResult) -> str:
    """"done", or the code of the refusal."""
    return result.status if result.refusal is None else result.refusal["code"]


def widest(result: StudyResult) -> float:
    return max((float(curve["angle_deg"]) for curve in result.curves if str(curve["convention"]).startswith("Cobb")), default=0.0)


def test_a_film_of_the_digital_spine_is_read_and_named():
    result = answered(drawn())
    assert result.status == "done"
    assert {"research-only-weights", "side-unknown", "magnification-unknown"} <= codes(result)
    seen = [row for row in result.findings if row.finding == "vertebra" and row.value == "present"]
    assert len(seen) >= 15
    assert result.bundle is not None
    assert result.bundle.evidence == "real"


def test_corners_and_curves_agree_with_each_other():
    result = answered(drawn())
    corners = np.array([row.points for row in result.findings if row.finding == "vertebra" and row.points])
    assert widest(result) == pytest.approx(max(curve.angle_deg for curve in cobb_angles(corners)), abs=6)
    rows, columns = drawn().shape
    assert (corners >= -0.05 * rows).all()
    assert (corners <= [1.05 * columns, 1.05 * rows]).all()


def test_the_same_film_gives_the_same_bytes():
    assert answered(drawn()).without_timings().to_json() == answered(drawn()).without_timings().to_json()


def test_a_film_twice_as_large_gives_the_same_angles_at_twice_the_pixels():
    small = answered(drawn())
    large = answered(np.kron(drawn(), np.ones((2, 2), np.float32)))
    assert widest(large) == pytest.approx(widest(small), abs=2.5)
    first, second = (np.array([row.points for row in one.findings if row.finding == "vertebra" and row.points]) for one in (small, large))
    assert len(first) == len(second)
    assert np.abs(second / 2 - first).max() < 0.02 * drawn().shape[0]


def test_a_mirrored_film_gives_the_same_angle_on_the_other_side_and_says_that_sides_are_the_pictures():
    own, mirrored = answered(drawn()), answered(np.ascontiguousarray(drawn()[:, ::-1]))
    assert widest(mirrored) == pytest.approx(widest(own), abs=3)
    assert "side-unknown" in codes(mirrored)
    if widest(own) > 10:
        assert own.curves[0]["bulges_to"] != mirrored.curves[0]["bulges_to"]


@pytest.mark.parametrize(("left_at", "known"), [("right", True), (None, False)])
def test_the_patients_side_is_told_where_the_file_knows_it(left_at: str | None, known: bool):
    result = answered(drawn(), left_at=left_at, view="ap")
    assert ("side-unknown" not in codes(result)) == known
    assert all((curve.get("side") is not None) == known for curve in result.curves if curve["convention"] == "Cobb, end plates")


@pytest.mark.parametrize(("spoil", "code"), [
    (lambda film: film[::-1, ::-1], "film-upside-down"), (lambda film: np.rot90(film), "film-on-its-side"),
    (lambda film: 1 - film, "grey-inverted"), (lambda film: film[::12, ::12], "picture-too-small"),
    (lambda film: np.zeros_like(film), "all-black"), (lambda film: film * 0 + np.float32(0.4), "no-contrast"),
])
def test_a_film_the_wrong_way_is_refused_by_name(spoil, code: str):  # type: ignore[no-untyped-def]  # a lambda of pixels
    assert said(answered(np.ascontiguousarray(spoil(drawn()), np.float32))) == code


def test_pixels_that_are_not_square_are_refused():
    assert said(answered(drawn(), spacing_mm=(0.2, 0.1), spacing_source="ImagerPixelSpacing")) == "pixels-not-square"


def test_a_film_from_the_side_is_refused_by_name():
    assert said(answered(drawn(view="lateral"))) == "lateral-film"
    with pytest.raises(Refusal) as refused:
        check_film(Image("", drawn(), view="lateral"))
    assert refused.value.code == REFUSALS["lateral"][0]


@pytest.mark.parametrize("kind", ["chest", "face", "landscape", "hand", "knee", "page", "brain_sagittal", "ultrasound"])
def test_other_pictures_are_refused(kind: str):
    rng = np.random.default_rng(11)
    assert answered(np.asarray(draw_other(rng, kind), np.float32)).status == "refused"


def test_a_film_cut_at_half_its_height_says_so():
    rows = drawn().shape[0]
    for part in (drawn()[: rows // 2], drawn()[rows // 2 :]):
        result = answered(part)
        assert result.status == "refused" or "spine-cut" in codes(result)


def test_two_spines_on_one_film_make_a_person_look():
    both = np.concatenate([drawn(), drawn(5)[: drawn().shape[0]]], axis=1) if drawn(5).shape[0] >= drawn().shape[0] else \
        np.concatenate([drawn()[: drawn(5).shape[0]], drawn(5)], axis=1)
    result = answered(both)
    assert result.status == "refused" or any(row.refer for row in result.findings)


def test_a_double_exposure_is_refused_or_makes_a_person_look():
    moved = np.roll(drawn(), drawn().shape[1] // 4, axis=1)
    result = answered((drawn() + moved) / 2)
    assert result.status == "refused" or any(row.refer for row in result.findings)


def test_of_several_films_the_frontal_one_is_read_and_the_other_named():
    result = answered(drawn(view="lateral"), drawn())
    assert result.status == "done"
    assert result.images[0].id == pixel_hash(drawn())
    assert any(warning.reason == "lateral-film" for warning in result.warnings)


def test_a_scan_of_9000_rows_gives_the_same_angle_at_its_own_pixels():
    factor = 9000 // drawn().shape[0]
    result = answered(np.kron(drawn(), np.ones((factor, factor), np.float32)))
    assert widest(result) == pytest.approx(widest(answered(drawn())), abs=2.5)
    lowest = max(row.points[3][1] for row in result.findings if row.finding == "vertebra" and row.points)
    assert lowest > 0.5 * factor * drawn().shape[0]


def test_an_mr_study_is_told_what_to_send_instead():
    image = Image(pixel_hash(drawn()), drawn())
    result = process_study(Study("key", (Series("series", "MR", (image,)),)), XrayAlignment(), SHELF).result
    assert result.refusal is not None
    assert (result.refusal["code"], "whole spine" in result.refusal["hint"]) == ("not-a-radiograph", True)
