"""Density networks: shapes, what a map says of its logit, the published bodies, and the same answers after export."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
import timm
import torch

from spondyl.core import InputError
from spondyl.lab.onnx_export import to_onnx
from spondyl.models.density_nets import BODIES, VGG16, PlacedNet, create

SHAPE = (96, 64)
SPINE = torch.rand(2, 1, *SHAPE, generator=torch.Generator().manual_seed(0))
NARROW = 0.125


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("outputs", [1, 2])
def test_the_mean_of_a_map_and_the_bias_are_its_logit(name: str, outputs: int):
    torch.manual_seed(1)
    net = create(name, outputs, NARROW).eval()
    torch.nn.init.normal_(net.head.bias)
    with torch.no_grad():
        logits, cam, features = net(SPINE)
    assert logits.shape == (2, outputs)
    assert cam.shape[:2] == (2, outputs)
    assert min(cam.shape[2:]) >= 2
    assert features.shape == (2, net.width)
    assert torch.allclose(cam.mean((2, 3)) + net.head.bias, logits, atol=1e-5)
    assert torch.allclose(net.head(features), logits, atol=1e-5)


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("width", [0.05, 0.2, 0.25])
def test_a_body_may_be_of_any_width_and_reads_pictures_of_any_size(name: str, width: float):
    net = create(name, 2, width).eval()
    for shape in ((128, 80), (64, 64)):
        with torch.no_grad():
            logits, _, features = net(torch.rand(1, 1, *shape))
        assert (logits.shape, features.shape) == ((1, 2), (1, net.width))
        assert torch.isfinite(logits).all()
    assert all(own.shape[0] % 8 == 0 for key, own in net.body.state_dict().items() if key.endswith("weight") and own.ndim == 4)


@pytest.mark.parametrize("name", BODIES)
def test_a_narrow_body_is_smaller_than_the_published_one(name: str):
    few, more = (sum(own.numel() for own in create(name, 2, width).parameters()) for width in (NARROW, 0.25))
    assert few < more


def test_at_full_width_vgg16_has_the_published_convolutions():
    net = create("vgg16", 2)
    shapes = [tuple(own.shape) for own in net.body.state_dict().values() if own.ndim == 4]
    channels = [1, *(n for stage in VGG16 for n in stage)]
    assert shapes == [(out, before, 3, 3) for before, out in pairwise(channels)]
    assert len(shapes) == 13
    assert net.width == 512


def test_at_full_width_resnet50_has_the_published_weights():
    wanted = timm.create_model("resnet50", in_chans=1, num_classes=0)
    assert sum(own.numel() for own in create("resnet50", 2).body.parameters()) == sum(own.numel() for own in wanted.parameters())
    assert create("resnet50", 2).width == 2048


def test_leaving_out_features_happens_in_training_only():
    net = create("cnn", 2, dropout=0.5)
    assert not torch.equal(net.train()(SPINE)[0], net.train()(SPINE)[0])
    assert torch.equal(net.eval()(SPINE)[0], net.eval()(SPINE)[0])


@pytest.mark.parametrize("name", ["cnn", "vgg16"])
def test_a_network_answers_the_same_after_export_for_any_number_of_pictures(name: str):
    torch.manual_seed(2)
    net = create(name, 2, NARROW).eval()
    graph = to_onnx(net, SPINE[:1], "spine", ("logits", "cam", "features"))
    found = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, {"spine": SPINE.numpy()})
    with torch.no_grad():
        wanted = net(SPINE)
    for exported, own in zip(found, wanted, strict=True):
        assert exported.shape == tuple(own.shape)
        assert np.abs(exported - own.numpy()).max() < 1e-2 * max(1.0, float(own.abs().max()))


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'vgg16'") as unknown:
        create("vgg19", 2)
    assert unknown.value.code == "network-unknown"
    assert unknown.value.hint


@pytest.mark.parametrize(("outputs", "shape", "options"), [
    (10, (192, 160), {"stride": 2}), (3, (48, 64), {"pool": 2}), (4, (64, 64), {"widths": (8, 16)}),
    (2, (96, 80), {"widths": (8, 8, 8), "stride": 2}),
])
def test_a_placed_network_reads_pictures_of_its_shape(outputs: int, shape: tuple[int, int], options: dict[str, object]):
    net = PlacedNet(outputs, shape, **options).eval()  # type: ignore[arg-type]
    pictures = torch.rand(3, 1, *shape)
    with torch.no_grad():
        assert net(pictures).shape == (3, outputs)


def test_to_a_placed_network_up_and_down_differ():
    torch.manual_seed(0)
    net = PlacedNet(2, (48, 64), pool=2).eval()
    picture = torch.rand(1, 1, 48, 64)
    with torch.no_grad():
        assert not torch.allclose(net(picture), net(picture.flip(2)), atol=1e-3)
