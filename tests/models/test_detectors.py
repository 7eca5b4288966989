"""Detectors behind their contract."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import spondyl.models.detectors as room
from spondyl.core import InputError, NotFoundError
from spondyl.lab.onnx_export import to_onnx
from spondyl.models.detectors import BoxTargets, create, listed, names
from spondyl.models.detectors.assign import assign, dense_losses, paired_iou, places_of
from spondyl.models.detectors.registry import MODULES

SMALL = {
    "spondyl_small": {"widths": (8, 8, 16, 16, 16), "neck": 16},
    "spondyl_large": {"widths": (8, 8, 16, 16, 16), "neck": 16, "blocks": (1, 1, 1, 1)},
    "spondyl_slim": {"neck": 16},
    "fcos_resnet50": {"body": "resnet18"},
    "yolo11": {"size": "n"},
}
"""Settings that make each detector small."""
HERE = [name for name in names() if not listed(name).extra or importlib.util.find_spec("ultralytics")]
FILMS = torch.rand(2, 1, 128, 128, generator=torch.Generator().manual_seed(0))
TARGETS = [
    BoxTargets(torch.tensor([[10.0, 20, 22, 34], [50, 40, 120, 66]]), torch.tensor([0, 2])),
    BoxTargets(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)),
]


def test_every_module_that_registers_a_detector_is_listed():
    folder = Path(room.__file__).parent
    written = {path.stem for path in folder.glob("*.py") if "@register(" in path.read_text("utf-8")}
    assert written == set(MODULES)


@pytest.mark.parametrize("name", HERE)
def test_a_detector_proposes_boxes_and_probabilities_and_learns(name):
    torch.manual_seed(0)
    net = create(name, 3, **SMALL[name])
    assert FILMS.shape[2] % net.divisor == 0
    assert FILMS.shape[3] % net.divisor == 0
    terms = net.losses(FILMS, TARGETS)
    total = torch.stack(list(terms.values())).sum()
    total.backward()
    assert torch.isfinite(total)
    assert sum(float(w.grad.abs().sum()) for w in net.parameters() if w.grad is not None) > 0
    with torch.no_grad():
        boxes, scores = net.eval()(FILMS)
    assert boxes.shape == (2, scores.shape[1], 4)
    assert scores.shape[2] == 3
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (boxes[..., 2:] >= boxes[..., :2]).all()


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # torch's own group norm looks at its size
@pytest.mark.parametrize("name", HERE)
def test_the_served_graph_says_the_same_for_any_number_of_films(name):
    torch.manual_seed(1)
    net = create(name, 3, **SMALL[name]).eval()
    graph = to_onnx(net, FILMS[:1], "film", ("boxes", "scores"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = net(FILMS)
    for said, own in zip(session.run(None, {"film": FILMS.numpy()}), expected, strict=True):
        np.testing.assert_allclose(said, own.numpy(), rtol=0.02, atol=0.5 if own.shape[2] == 4 else 0.01)  # 16-bit weights


def test_a_detector_that_is_not_installed_says_how_to_install_it():
    if importlib.util.find_spec("ultralytics"):
        pytest.skip("it is installed here")
    with pytest.raises(InputError) as caught:
        create("yolo11", 7)
    assert caught.value.code == "detector-not-installed"
    assert 'pip install "spondyl[yolo]"' in caught.value.hint


def test_an_unknown_detector_is_answered_with_the_nearest():
    with pytest.raises(NotFoundError, match="spondyl_small"):
        create("spondyl_smal", 7)


def test_every_box_is_answered_by_places_in_it_and_the_smaller_box_wins():
    strides = (4, 8, 16, 32)
    places = places_of([(128 // s, 256 // s) for s in strides], strides, torch.device("cpu"))
    rng = np.random.default_rng(3)
    corner = rng.uniform(0, (200, 80), (12, 2))
    boxes = torch.tensor(np.concatenate([corner, corner + rng.uniform(6, 48, (12, 2))], 1), dtype=torch.float32)
    for box in boxes:
        given = assign(places, strides, BoxTargets(box[None], torch.tensor([0])))
        centres = places.centres[given == 0]
        assert len(centres) >= 1, "a box that nothing answers for cannot be learnt"
        assert len(places.strides[given == 0].unique()) == 1
    inner = torch.tensor([[100.0, 50, 112, 62], [98, 48, 114, 64]])
    given = assign(places, strides, BoxTargets(inner, torch.tensor([0, 1])))
    middle = ((places.centres - 106).abs().sum(1) < 0) | ((places.centres - torch.tensor([106.0, 56.0])).abs().amax(1) <= 4)
    assert (given[middle & (places.strides == 4)] == 0).all()


def test_overlap_of_pairs_is_that_of_the_figures():
    from spondyl.metrics import box_iou

    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 20, (2, 30, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(1, 20, (2, 30, 2))], -1)
    first, second = torch.tensor(boxes[0]), torch.tensor(boxes[1])
    expected = np.diag(box_iou(boxes[0], boxes[1]))
    assert paired_iou(first, second).numpy() == pytest.approx(expected)
    assert (paired_iou(first, second, generalised=True).numpy() <= expected + 1e-9).all()
    assert paired_iou(first, first, generalised=True).numpy() == pytest.approx(1.0)


def test_saying_what_is_true_costs_next_to_nothing():
    strides = (4, 8, 16, 32)
    places = places_of([(16, 16), (8, 8), (4, 4), (2, 2)], strides, torch.device("cpu"))
    target = BoxTargets(torch.tensor([[10.0, 10, 24, 26], [30, 30, 60, 50]]), torch.tensor([0, 1]))
    given = assign(places, strides, target)
    boxes = torch.cat([places.centres - 2, places.centres + 2], 1)
    boxes[given >= 0] = target.boxes[given[given >= 0]]
    logits = torch.full((len(given), 2), -20.0)
    logits[given >= 0, target.labels[given[given >= 0]]] = 20.0
    right = dense_losses(boxes[None], logits[None], places, strides, [target])
    wrong = dense_losses(boxes[None] + 3, -logits[None], places, strides, [target])
    assert float(sum(right.values())) < 1e-5 < float(sum(wrong.values()))


def test_of_what_is_left_of_a_lesion_nothing_is_taught():
    strides = (4, 8, 16, 32)
    places = places_of([(16, 16), (8, 8), (4, 4), (2, 2)], strides, torch.device("cpu"))
    nothing = torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)
    inside = ((places.centres >= 10) & (places.centres < 30)).all(1)
    boxes, logits = torch.cat([places.centres - 2, places.centres + 2], 1)[None], torch.full((1, len(places.centres), 2), -20.0)
    logits[0, inside] = 20.0
    cut_off = BoxTargets(*nothing, torch.tensor([[10.0, 10, 30, 30]]))
    free, charged = (float(dense_losses(boxes, logits, places, strides, [target])["label"]) for target in (cut_off, BoxTargets(*nothing)))
    assert free < 1e-5 < charged
