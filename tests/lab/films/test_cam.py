"""The maps that are shown are Grad-CAM, by its definition and not by ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spondyl.models.film_nets import create

SHAPE = (96, 64)
NETWORKS = (("resnet10t", None), ("resnet10t", 8), ("mobilenetv3_small_100", None), ("regnetx_002", 16), ("densenet121", None),
            ("convnext_tiny", None))  # fmt: skip


def grad_cam(net: torch.nn.Module, film: torch.Tensor, output: int) -> np.ndarray:
    """The map of one output before its negative part is cut, from the last features and the slopes there.

    Selvaraju et al. 2017, equations 1 and 2: a channel weighs as much as the mean over places of the output's slope in it.
    """
    kept: list[torch.Tensor] = []
    hook = net.get_submodule("dropout").register_forward_hook(lambda _module, _inputs, features: kept.append(features))
    logits, _ = net(film)
    hook.remove()
    (slopes,) = torch.autograd.grad(logits[0, output], kept[0])
    return (slopes.mean((2, 3), keepdim=True) * kept[0]).sum(1)[0].detach().numpy()


@pytest.mark.parametrize("pool", ["mean", "lse"])
@pytest.mark.parametrize(("name", "stride"), NETWORKS)
def test_the_map_is_grad_cam_up_to_a_positive_factor(name, stride, pool):
    """With the soft maximum the map also holds the bias, the same in every place."""
    torch.manual_seed(3)
    net = create(name, 3, pool=pool, stride=stride, shape=SHAPE).eval()
    torch.nn.init.normal_(net.head.weight, std=0.5)
    film = torch.rand(1, 1, *SHAPE)
    with torch.inference_mode():
        _, cam = net(film)
    for output in range(3):
        shown = cam[0, output].numpy() - (net.head.bias[output].item() if pool == "lse" else 0.0)
        reference = grad_cam(net, film, output)
        factor = float((shown * reference).sum() / (reference**2).sum())
        assert factor == pytest.approx(shown.size, rel=1e-3)
        np.testing.assert_allclose(shown, factor * reference, atol=1e-3 * np.abs(shown).max())
        assert np.ptp(shown) > 0
