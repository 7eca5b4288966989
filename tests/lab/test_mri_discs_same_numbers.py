"""What training saw, what is exported and what serves are one thing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lab.conftest import Tiny
from spondyl.inference import Engine, open_engine
from spondyl.lab.mri_discs import stages
from spondyl.lab.mri_discs.grader import GraderPlan, _turn
from spondyl.lab.mri_discs.locator import Target, View, render_view
from spondyl.lab.mri_discs.predict import as_image, members_for
from spondyl.lab.mri_discs.run import load_gate, load_grader, load_locator
from spondyl.lab.photometry import Photometry
from spondyl.models.grader import Grader
from spondyl.tasks.mri_discs.answers import OUTPUTS
from spondyl.tasks.mri_discs.chain import find_discs
from spondyl.tasks.mri_discs.frame import locator_frame
from spondyl.tasks.mri_discs.reading import locate
from spondyl.tasks.mri_discs.slices import upright

AS_IT_IS = Photometry(gamma=1.0, gain=1.0, offset=0.0, slope=(0.0, 0.0), noise=0.0, blur=0.0, seed=0)


def crops_of(tiny: Tiny) -> np.ndarray:
    """(n, 2, rows, columns) in 0..1, some with an empty channel."""
    x = np.random.default_rng(0).random((5, 2, tiny.recipe.crop_rows, tiny.recipe.crop_columns), dtype=np.float32)
    x[1, 0] = x[2, 1] = 0
    return x


def test_the_crop_that_training_saw_is_the_crop_that_serving_makes(tiny: Tiny, engine: Engine):
    """From the file's pixels: training's patch, neither turned nor exposed anew, against `locate` (patches are kept in 16 bit)."""
    cohort = tiny.cohort
    still = GraderPlan(shape=(tiny.recipe.crop_rows, tiny.recipe.crop_columns), rotate_deg=0.0, zoom=0.0, shift=0.0)
    compared = 0
    for index in range(6):
        slice_ = cohort.slices[index]
        served = locate(engine, upright(as_image(slice_.pixels, slice_.spacing_mm)), members_for(engine, cohort.fold(index)).locator)
        patches = np.array(stages._patches(tiny.recipe, cohort.pixels[index], served.discs), np.float32)
        if len(patches):
            both = torch.from_numpy(np.stack([patches, patches], axis=1))
            trained = _turn(both, still, np.random.default_rng(0))[:, 0].numpy()
            assert trained == pytest.approx(served.crops, abs=1e-3)
            compared += len(patches)
    assert compared >= 12


def test_the_slice_that_the_locator_was_trained_on_is_the_slice_that_it_is_served(tiny: Tiny):
    cohort, size = tiny.cohort, tiny.recipe.locator_size
    part = upright(as_image(cohort.slices[0].pixels))
    frame = locator_frame(part.pixels, size)
    target = Target(cohort.pixels[0], np.array([box for _, box in sorted(cohort.slices[0].boxes.items())], float))
    trained, _ = render_view(target, View(frame, AS_IT_IS))
    assert trained == pytest.approx(frame.sample(part.pixels), abs=1e-6)


def test_boxes_that_training_draws_into_maps_are_the_discs_that_serving_reads_from_them(tiny: Tiny):
    cohort = tiny.cohort
    for slice_, pixels in zip(cohort.slices[:6], cohort.pixels, strict=False):
        boxes = np.array([box for _, box in sorted(slice_.boxes.items())], float)
        frame = locator_frame(pixels, 192)
        _, maps = render_view(Target(pixels, boxes), View(frame, AS_IT_IS))
        read = find_discs(maps[:6], frame, tiny.recipe.preprocessing["locator"]["chain"])  # type: ignore[index]
        assert np.array([disc.box for disc in read]) == pytest.approx(boxes, abs=0.5)
        assert read[0].lowest == 1.0


def test_the_recipe_s_chain_is_the_one_that_is_served(tiny: Tiny):
    for part, own in tiny.recipe.preprocessing.items():
        served = tiny.bundle.settings[part]
        assert {key: served[key] for key in own} == own  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["gate", "locator", "grader"])
def test_the_exported_graph_says_what_the_trained_network_says(tiny: Tiny, engine: Engine, kind: str):
    """Weights are kept in 16 bit."""
    own = tiny.recipe
    rng = np.random.default_rng(1)
    if kind == "grader":
        x, name, given, net = crops_of(tiny), "grader-02", "crops", load_grader(tiny.run, own, (0, 2))
        made = ["logits", "cam"]
    else:
        size = own.gate_size if kind == "gate" else own.locator_size
        x, name, given = rng.random((3, 1, size, size), dtype=np.float32), f"{kind}-1", "slice"
        net = load_gate(tiny.run, 1) if kind == "gate" else load_locator(tiny.run, 1)  # type: ignore[assignment]
        made = ["logits"] if kind == "gate" else ["maps"]
    with torch.no_grad():
        expected = net(torch.from_numpy(x))
    expected = expected if isinstance(expected, tuple) else (expected,)
    for backend in ("openvino", "onnxruntime"):
        said = open_engine(engine.bundle, backend, "f32").run(name, {given: x})
        assert list(said) == made
        for output, value in zip(made, expected, strict=True):
            assert said[output] == pytest.approx(value.numpy(), abs=2e-2)


def test_both_runtimes_say_the_same(tiny: Tiny):
    first, second = (open_engine(tiny.bundle, backend, "f32") for backend in ("openvino", "onnxruntime"))
    rng = np.random.default_rng(2)
    inputs = {
        "gate-0": {"slice": rng.random((2, 1, tiny.recipe.gate_size, tiny.recipe.gate_size), dtype=np.float32)},
        "locator-2": {"slice": rng.random((2, 1, tiny.recipe.locator_size, tiny.recipe.locator_size), dtype=np.float32)},
        "grader-12": {"crops": crops_of(tiny)},
    }
    for name, x in inputs.items():
        one, other = first.run(name, x), second.run(name, x)
        assert set(one) == set(other)
        for output, values in one.items():
            assert other[output] == pytest.approx(values, abs=1e-3)


def test_the_size_of_the_batch_changes_nothing(tiny: Tiny, engine: Engine):
    x = crops_of(tiny)
    together = engine.run("grader-01", {"crops": x})
    alone = [engine.run("grader-01", {"crops": row[None]}) for row in x]
    for output, values in together.items():
        assert np.concatenate([part[output] for part in alone]) == pytest.approx(values, abs=1e-3)


def test_the_mean_of_a_map_and_the_bias_is_the_logit(tiny: Tiny, engine: Engine):
    said = engine.run("grader-01", {"crops": crops_of(tiny)})
    bias = load_grader(tiny.run, tiny.recipe, (0, 1)).head.bias.detach().numpy()
    assert said["cam"].mean(axis=(2, 3)) + bias == pytest.approx(said["logits"], abs=5e-3)


def test_the_map_is_grad_cam_up_to_a_positive_factor(tiny: Tiny):
    """Grad-CAM (Selvaraju et al. 2017) by its definition, with autograd on the last feature map, before its ReLU."""
    net = load_grader(tiny.run, tiny.recipe, (0, 1)).eval()
    check_grad_cam(net, torch.from_numpy(crops_of(tiny)))
    torch.manual_seed(0)
    check_grad_cam(Grader(OUTPUTS, (6, 12, 24)).eval(), torch.rand(2, 2, 80, 112))


def check_grad_cam(net: Grader, x: torch.Tensor) -> None:
    kept: list[torch.Tensor] = []
    hook = net.body.register_forward_hook(lambda module, given, made: kept.append(made))
    logits, cam = net(x)
    hook.remove()
    features = kept[0]
    for output in range(OUTPUTS):
        gradient = torch.autograd.grad(logits[:, output].sum(), features, retain_graph=True)[0]
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        grad_cam = (weights * features).sum(1)
        factor = features.shape[2] * features.shape[3]
        assert cam[:, output].detach().numpy() == pytest.approx(grad_cam.detach().numpy() * factor, rel=1e-3, abs=1e-4)


def test_a_network_without_a_sequence_is_not_disturbed_by_dropout_when_it_serves(tiny: Tiny):
    net = load_grader(tiny.run, replace(tiny.recipe), (1, 2))
    x = torch.from_numpy(crops_of(tiny))
    with torch.no_grad():
        assert torch.equal(net(x)[0], net(x)[0])
