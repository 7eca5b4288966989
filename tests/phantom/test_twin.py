"""Twins differ in the one thing that was asked for; specs beyond the model are refused with the rule they break."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from spondyl.core import InputError
from spondyl.phantom import Profile, SubjectSpec, draw_subject
from spondyl.phantom.spec_parts import FractureSpec, ImplantSpec, LesionSpec
from spondyl.phantom.twin import BODY_THINGS, DISC_THINGS, WHOLE_THINGS, disc_names, things_of, vertebra_names, without


@pytest.fixture(scope="module")
def ill() -> SubjectSpec:
    """A patient who has everything at L4/L5 and at L1."""
    spec = draw_subject(np.random.default_rng(1), Profile("ill", four_lumbar=0.0, six_lumbar=0.0, cobb_low=20.0, scoliosis=1.0))
    disc = replace(spec.discs[1], herniation_mm=5.0, herniation_zone="subarticular_left", bulge_mm=(1.0, 3.0), slip_mm=5.0, modic=(2, 2),
                   modic_mm=(6.0, 5.0), height_loss=0.5, nucleus_t2_ms=50.0, spurs_mm=(4.0, 2.0))
    body = replace(spec.vertebrae[4], fracture=FractureSpec("wedge", 0.3, 2.0), lesion=LesionSpec((0.0, 0.0, 0.0), 5.0),
                   haemangioma=(0.4, 0.4, 5.0))
    frail = tuple(replace(v, trabecular_mg_cm3=70.0, cortex_mm=0.2) for v in (*spec.vertebrae[:4], body, *spec.vertebrae[5:]))
    discs = (spec.discs[0], disc, *spec.discs[2:])
    return replace(spec, discs=discs, vertebrae=frail, trunk=replace(spec.trunk, implants=(ImplantSpec("screws", 3, 4),)))


ALLOWED = {
    "stenosis": {"herniation_mm", "herniation_up", "herniation_zone", "herniation_width_mm", "bulge_mm", "bulge_lateral_mm", "spurs_mm",
                 "facet_mm", "flavum_mm", "ridge_mm"},
    "herniation": {"herniation_mm", "herniation_up", "herniation_zone", "herniation_width_mm"}, "bulge": {"bulge_mm", "bulge_lateral_mm"},
    "spurs": {"spurs_mm", "spurs_lateral_mm"}, "slip": {"slip_mm"}, "modic": {"modic", "modic_mm"}, "narrowing": {"height_loss"},
    "degeneration": {"height_loss", "nucleus_t2_ms", "annulus_t2_ms", "homogeneity", "fissure"}, "fracture": {"fracture"},
    "lesion": {"lesion"}, "haemangioma": {"haemangioma"}, "scoliosis": {"coronal_deg", "axial_deg"},
    "osteoporosis": {"trabecular_mg_cm3", "cortex_mm"},
}


def changed(first: Any, second: Any) -> set[str]:
    return {field.name for field in fields(first) if getattr(first, field.name) != getattr(second, field.name)}


@pytest.mark.parametrize("thing", sorted(DISC_THINGS))
def test_a_disc_s_twin_differs_at_that_disc_in_those_fields_alone(ill: SubjectSpec, thing: str):
    twin = without(ill, f"L4/L5:{thing}")
    assert changed(ill, twin) == {"discs"}
    assert [i for i, pair in enumerate(zip(ill.discs, twin.discs, strict=True)) if pair[0] != pair[1]] == [1]
    assert set() < changed(ill.discs[1], twin.discs[1]) <= ALLOWED[thing]


@pytest.mark.parametrize("thing", sorted(BODY_THINGS))
def test_a_vertebra_s_twin_differs_at_that_vertebra_in_that_field_alone(ill: SubjectSpec, thing: str):
    twin = without(ill, f"L1:{thing}")
    assert changed(ill, twin) == {"vertebrae"}
    assert [i for i, pair in enumerate(zip(ill.vertebrae, twin.vertebrae, strict=True)) if pair[0] != pair[1]] == [4]
    assert changed(ill.vertebrae[4], twin.vertebrae[4]) == ALLOWED[thing]


@pytest.mark.parametrize("thing", sorted(WHOLE_THINGS))
def test_a_whole_twin_differs_in_those_fields_alone(ill: SubjectSpec, thing: str):
    twin = without(ill, thing)
    assert changed(ill, twin) == {"vertebrae"}
    assert set().union(*(changed(a, b) for a, b in zip(ill.vertebrae, twin.vertebrae, strict=True))) == ALLOWED[thing]
    assert twin.texture_seed == ill.texture_seed


def test_a_device_is_taken_out_and_nothing_else(ill: SubjectSpec):
    twin = without(ill, "L2:implant")
    assert changed(ill, twin) == {"trunk"}
    assert changed(ill.trunk, twin.trunk) == {"implants"}
    assert twin.trunk.implants == ()


def test_what_can_be_taken_away_is_listed_and_is_gone_afterwards(ill: SubjectSpec):
    for thing in things_of(ill):
        assert thing not in things_of(without(ill, thing))
    assert {"L4/L5:herniation", "L1:fracture", "L1:implant", "scoliosis", "osteoporosis"} <= set(things_of(ill))


def test_names_run_up_from_the_sacrum(ill: SubjectSpec):
    assert disc_names(ill)[:2] == ("L5/S1", "L4/L5")
    assert vertebra_names(ill)[3:6] == ("L2", "L1", "T12")


@pytest.mark.parametrize(("change", "words"), [
    ("L4/L6:stenosis", "'L4/L5'"), ("L4/L5:stenosys", "'stenosis'"), ("L8:fracture", "L5"), ("L1:fractur", "'fracture'"),
    ("scolliosis", "'scoliosis'"),
])
def test_a_misspelt_change_is_told_the_right_one(ill: SubjectSpec, change: str, words: str):
    with pytest.raises(InputError, match=words) as caught:
        without(ill, change)
    assert caught.value.code == "phantom-twin-unknown"


def test_what_is_not_there_cannot_be_taken_away(ill: SubjectSpec):
    with pytest.raises(InputError, match="no fracture at L3") as caught:
        without(ill, "L3:fracture")
    assert caught.value.code == "phantom-twin-same"
    assert "L1:fracture" in caught.value.hint


BAD_DISC = {"slip_mm": (40.0, "100 %"), "expected_mm": (-1.0, "height"), "height_loss": (1.2, "more than it had"),
            "herniation_mm": (30.0, "deep"), "lordotic_deg": (50.0, "45"), "nucleus_t2_ms": (float("nan"), "time"),
            "flavum_mm": ((3.0, -1.0), "thickness")}
BAD_BODY = {"posterior_height_mm": (0.0, "height"), "width_mm": ((40.0, -2.0), "width"), "coronal_deg": (46.0, "45"), "fat": (1.5, "share"),
            "trabecular_mg_cm3": (-5.0, "mineral"), "axial_deg": (float("inf"), "45")}


@pytest.mark.parametrize("name", sorted(BAD_DISC))
def test_a_disc_beyond_the_model_is_refused_with_its_level_and_rule(ill: SubjectSpec, name: str):
    value, words = BAD_DISC[name]
    discs = (ill.discs[0], replace(ill.discs[1], **{name: value}), *ill.discs[2:])
    with pytest.raises(InputError, match="L4/L5") as caught:
        replace(ill, discs=discs)
    assert caught.value.code == "phantom-spec-invalid"
    assert words in caught.value.message


@pytest.mark.parametrize("name", sorted(BAD_BODY))
def test_a_vertebra_beyond_the_model_is_refused_with_its_name_and_rule(ill: SubjectSpec, name: str):
    value, words = BAD_BODY[name]
    bodies = (*ill.vertebrae[:2], replace(ill.vertebrae[2], **{name: value}), *ill.vertebrae[3:])
    with pytest.raises(InputError, match="L3") as caught:
        replace(ill, vertebrae=bodies)
    assert caught.value.code == "phantom-spec-invalid"
    assert words in caught.value.message


def test_a_device_at_a_level_that_the_subject_lacks_is_refused(ill: SubjectSpec):
    with pytest.raises(InputError, match="lacks"):
        replace(ill, trunk=replace(ill.trunk, implants=(ImplantSpec("screws", 3, 14),)))
    with pytest.raises(InputError, match="lacks"):
        replace(ill, trunk=replace(ill.trunk, implants=(ImplantSpec("cement", -1, -1),)))


@pytest.mark.parametrize("wrong", [{"implant": 1.5}, {"four_lumbar": 0.7, "six_lumbar": 0.7}, {"vertebrae": 18},
                                   {"osteopenia": 0.5}, {"osteopenia": 0.7, "osteoporosis": 0.6}, {"stenosis": "much"}])
def test_a_profile_of_impossible_rates_is_refused(wrong: dict[str, Any]):
    with pytest.raises(InputError) as caught:
        Profile("wrong", **wrong)
    assert caught.value.code == "phantom-profile-invalid"
