"""Every network of the registry: shapes, what a map says of its logit, and the same answers after export."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import timm
import torch

from spondyl.core import InputError
from spondyl.lab.onnx_export import to_onnx
from spondyl.models.film_nets import SHARPNESS, Body, create, millions, names, register, soft_maximum

SHAPE = (96, 64)
FILM = torch.rand(2, 1, *SHAPE, generator=torch.Generator().manual_seed(0))
SMALL = ("mobilenetv4_conv_small_050", "mobilenetv3_small_100", "regnetx_002", "resnet10t_slim")


def shape_of(name: str) -> tuple[int, int]:
    return (128, 96) if name == "inception_resnet_v2" else SHAPE  # its convolutions have no padding


def small_film(name: str) -> torch.Tensor:
    return torch.rand(2, 1, *shape_of(name), generator=torch.Generator().manual_seed(0))


def every_network() -> list[object]:
    """Every network; those that take seconds to write apart."""
    quick = (*SMALL, "mobilenetv4_conv_small", "resnet10t")
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names()]


@pytest.mark.parametrize("name", names())
def test_a_mean_of_a_map_and_the_bias_are_its_logit(name: str):
    net = create(name, 3, shape=shape_of(name)).eval()
    with torch.no_grad():
        logits, cam = net(small_film(name))
    assert logits.shape == (2, 3)
    assert cam.shape[:2] == (2, 3)
    assert min(cam.shape[2:]) >= 1
    assert torch.allclose(cam.mean((2, 3)) + net.head.bias, logits, atol=1e-5)
    assert torch.allclose(net.cells(logits, cam).mean((2, 3)), logits, atol=1e-5)


@pytest.mark.parametrize("stride", [8, 16, 32])
@pytest.mark.parametrize("name", SMALL)
def test_a_map_is_as_fine_as_asked_and_its_soft_maximum_is_the_logit(name: str, stride: int):
    net = create(name, 3, pool="lse", stride=stride).eval()
    with torch.no_grad():
        logits, cam = net(FILM)
    assert cam.shape == (2, 3, SHAPE[0] // stride, SHAPE[1] // stride)
    assert torch.allclose((cam * SHARPNESS).exp().mean((2, 3)).log() / SHARPNESS, logits, atol=1e-5)
    assert torch.equal(net.cells(logits, cam), cam)


def test_a_soft_maximum_lies_between_mean_and_maximum_however_large_the_logits():
    for size in (0.1, 10.0, 1000.0):
        cam = size * torch.randn(5, 2, 6, 4, generator=torch.Generator().manual_seed(1))
        value = soft_maximum(cam)
        assert bool((value <= cam.amax((2, 3)) + 1e-4 * size).all())
        assert bool((value >= cam.mean((2, 3)) - 1e-4 * size).all())


@pytest.mark.parametrize("name", every_network())
def test_an_exported_network_answers_the_same(name: str):
    torch.manual_seed(3)
    net = create(name, 2, shape=shape_of(name)).eval()
    film = small_film(name)
    graph = to_onnx(net, film[:1], "film", ("logits", "cam"))
    found = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, {"film": film.numpy()})
    with torch.no_grad():
        wanted = net(film)
    for exported, own in zip(found, wanted, strict=True):
        assert exported.shape == tuple(own.shape)  # of two films, though one was the example
        assert np.abs(exported - own.numpy()).max() < 2e-2 * max(1.0, float(own.abs().max()))


@pytest.mark.parametrize("stride", [8, 16])
def test_a_network_with_a_neck_answers_the_same_after_export(stride: int):
    net = create("mobilenetv4_conv_small_050", 2, pool="lse", stride=stride).eval()
    graph = to_onnx(net, FILM[:1], "film", ("logits", "cam"))
    found = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, {"film": FILM.numpy()})
    with torch.no_grad():
        wanted = net(FILM)
    assert all(np.abs(a - b.numpy()).max() < 1e-2 for a, b in zip(found, wanted, strict=True))


def test_leaving_out_channels_in_training_keeps_maps_and_logits_of_one_mind():
    net = create("resnet10t_slim", 3, dropout=0.5).train()
    logits, cam = net(FILM)
    assert torch.allclose(net.cells(logits, cam).mean((2, 3)), logits, atol=1e-5)
    assert not torch.equal(net(FILM)[0], logits)


def test_where_imagenet_cannot_be_reached_it_is_said_and_the_network_is_random(monkeypatch: pytest.MonkeyPatch):
    def nowhere(*_: object, **__: object) -> object:
        raise OSError("there is no net")

    monkeypatch.setattr(timm.models._builder, "load_pretrained", nowhere)
    said: list[str] = []
    net = create("mobilenetv3_small_100", 2, pretrained=True, say=said.append)
    assert net.eval()(FILM)[0].shape == (2, 2)
    assert len(said) == 1
    assert "mobilenetv3_small_100" in said[0]
    assert "from scratch" in said[0]
    create("resnet10t_slim", 2, pretrained=True, say=said.append)  # nobody has trained that one on ImageNet
    assert "resnet10t_slim" in said[1]


def test_unknown_names_offer_the_nearest_one():
    with pytest.raises(InputError, match="Did you mean 'resnet50'") as unknown:
        create("resnet5", 2)
    assert unknown.value.code == "network-unknown"
    with pytest.raises(InputError) as pool:
        create("regnetx_002", 2, pool="max")
    assert pool.value.code == "network-pool"
    with pytest.raises(InputError, match="8, 16, 32") as stride:
        create("regnetx_002", 2, stride=12)
    assert stride.value.code == "network-stride"


def test_two_networks_cannot_have_one_name():
    with pytest.raises(ValueError, match="two networks"):
        register("resnet50", lambda wish: Body(torch.nn.Identity(), (1,)))


def test_millions_of_weights_are_counted():
    assert millions(torch.nn.Linear(999, 1000)) == pytest.approx(1.0)
