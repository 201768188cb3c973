"""Colour as classes: the cells, the split over them, the prior, the loss, and the annealed mean."""

import numpy as np
import pytest
import torch
from torch import Tensor

import colorzoo
from colorzoo.chroma import anneal
from colorzoo.color import srgb_to_lab
from colorzoo.colorizer import Colorizer
from colorzoo.errors import ConfigError
from colorzoo.models._heads import CELL_SIZE, ClassHead, cell_weights, color_cells
from colorzoo.models.base import has_distribution
from colorzoo.predictor import Guidance
from colorzoo.predictors.network import NetworkPredictor
from colorzoo.training.classes import class_loss, count_cells, split_over_cells

CELLS = color_cells()


def some_chroma(count: int) -> Tensor:
    """Colours that sRGB can show, a and b in Lab units: (count, 2)."""
    rgb = torch.rand(3, count, 1, generator=torch.Generator().manual_seed(1))
    return srgb_to_lab(rgb)[1:, :, 0].T


def slow_split(color: Tensor) -> dict[int, float]:
    """Shares of one colour by the definition: bilinear, without the cells that are not there."""
    shares = {}
    for number, cell in enumerate(CELLS):
        reach = 1.0 - (color - cell).abs() / CELL_SIZE
        if (reach > 0).all():
            shares[number] = float(reach.prod())
    total = sum(shares.values())
    return {number: share / total for number, share in shares.items()}


def test_cells_are_those_nearest_to_some_color_of_srgb() -> None:
    levels = torch.arange(0, 256, 3) / 255.0
    rgb = torch.stack(torch.meshgrid(levels, levels, levels, indexing="ij")).reshape(3, -1, 1)
    reached = torch.unique((srgb_to_lab(rgb)[1:, :, 0].T / CELL_SIZE).round(), dim=0)
    assert {tuple(cell) for cell in reached.tolist()} <= {tuple(c) for c in (CELLS / 10).tolist()}
    assert len(CELLS) == 261
    assert len(reached) >= 258  # single colours of the finer grid reach the others


def test_split_is_that_of_the_definition() -> None:
    chroma = torch.cat((some_chroma(40), torch.tensor([[0.0, 0.0], [98.2, -60.8], [-86.2, 83.2]])))
    numbers, shares = split_over_cells(chroma, CELLS)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(len(chroma)))
    for color, cells, found in zip(chroma, numbers, shares, strict=True):
        mine = torch.zeros(len(CELLS)).index_add_(0, cells, found)
        expected = torch.zeros(len(CELLS))
        for number, share in slow_split(color).items():
            expected[number] = share
        torch.testing.assert_close(mine, expected, atol=1e-5, rtol=0)


def test_split_keeps_the_color_inside_the_gamut() -> None:
    chroma = some_chroma(200) * 0.5
    numbers, shares = split_over_cells(chroma, CELLS)
    torch.testing.assert_close(
        (CELLS[numbers] * shares[..., None]).sum(dim=1), chroma, atol=1e-3, rtol=0
    )


def test_prior_counts_every_color_once() -> None:
    counts = count_cells(some_chroma(500), CELLS)
    assert counts.sum().item() == pytest.approx(500, rel=1e-5)
    assert count_cells(torch.tensor([[20.0, -30.0]]), CELLS).max() == 1.0


def test_weights_follow_the_formula_and_have_mean_one_under_the_prior() -> None:
    prior = torch.rand(len(CELLS), generator=torch.Generator().manual_seed(2)) ** 8
    prior /= prior.sum()
    weights = cell_weights(prior, evenness=0.5, strength=1.0)
    assert (prior * weights).sum().item() == pytest.approx(1.0, rel=1e-5)
    ratio = (0.5 * prior[3] + 0.5 / len(CELLS)) / (0.5 * prior[9] + 0.5 / len(CELLS))
    assert (weights[9] / weights[3]).item() == pytest.approx(ratio.item(), rel=1e-4)
    even = cell_weights(prior, evenness=0.5, strength=0.0)
    torch.testing.assert_close(even, torch.ones(len(CELLS)))


def test_loss_is_that_of_a_slow_reference() -> None:
    random = torch.Generator().manual_seed(3)
    logits = torch.randn(2, len(CELLS), 3, 4, generator=random, requires_grad=True)
    truth = some_chroma(2 * 6 * 8).reshape(2, 6, 8, 2).permute(0, 3, 1, 2)
    weights = torch.rand(len(CELLS), generator=random) + 0.5
    expected = torch.zeros(())
    for n in range(2):
        for y in range(3):
            for x in range(4):
                color = truth[n, :, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean(dim=(1, 2))
                shares = slow_split(color)
                chances = torch.log_softmax(logits[n, :, y, x] + weights.log(), dim=0)
                cross = -sum(share * chances[number] for number, share in shares.items())
                expected = expected + weights[max(shares, key=shares.__getitem__)] * cross / 24
    loss = class_loss(logits, truth, CELLS, weights)
    torch.testing.assert_close(loss, expected)
    mine, other = (torch.autograd.grad(value, logits)[0] for value in (loss, expected))
    torch.testing.assert_close(mine, other)


def test_a_weighted_loss_still_teaches_how_likely_a_color_is() -> None:
    # Of 10 places that look alike 9 are grey and 1 is red, and red weighs much more.
    grey, red = int(CELLS.norm(dim=1).argmin()), 200
    colors = torch.stack([CELLS[grey]] * 9 + [CELLS[red]])
    truth = colors.T.reshape(1, 2, 1, 10)
    weights = torch.ones(len(CELLS))
    weights[red] = 20.0
    logits = torch.zeros(1, len(CELLS), 1, 1, requires_grad=True)
    adam = torch.optim.Adam([logits], lr=0.2)
    for _ in range(400):
        adam.zero_grad()
        class_loss(logits.expand(-1, -1, 1, 10), truth, CELLS, weights).backward()
        adam.step()
    shares = logits.detach().softmax(dim=1)[0, :, 0, 0]
    assert shares[grey].item() == pytest.approx(0.9, abs=0.01)
    assert shares[red].item() == pytest.approx(0.1, abs=0.01)


def test_vividness_goes_from_the_mean_to_what_is_likely_and_rare() -> None:
    head = ClassHead(4, vividness=0.0)
    logits = torch.full((1, len(CELLS), 2, 2), -50.0)
    red, green = 200, 60
    logits[:, red], logits[:, green] = 1.0, 0.0
    safe, own, vivid = (
        head.chroma(logits, (2, 2), vividness)[0, :, 0, 0] * 110 for vividness in (0.0, None, 1.0)
    )
    share = torch.sigmoid(torch.tensor(1.0))
    torch.testing.assert_close(safe, share * CELLS[red] + (1 - share) * CELLS[green])
    torch.testing.assert_close(own, safe)
    assert (vivid - CELLS[red]).norm() < (safe - CELLS[red]).norm() / 5

    head.prior[red] /= 100.0  # of two colours the rarer one
    rare = head.chroma(logits, (2, 2), 1.0)[0, :, 0, 0] * 110
    assert (rare - CELLS[red]).norm() < (vivid - CELLS[red]).norm()
    torch.testing.assert_close(head.chroma(logits, (2, 2), 0.0)[0, :, 0, 0] * 110, safe)


def test_annealing_is_that_of_the_formula() -> None:
    prior = torch.rand(len(CELLS), generator=torch.Generator().manual_seed(4)) ** 4
    logits = torch.randn(3, len(CELLS), generator=torch.Generator().manual_seed(5))
    rarity, chances = cell_weights(prior).log(), logits.softmax(dim=1)
    wanted = (chances * cell_weights(prior, evenness=0.5, strength=0.5) ** 0.6) ** (10**0.3)
    torch.testing.assert_close(
        anneal(logits, rarity, 0.6).softmax(dim=1), wanted / wanted.sum(dim=1, keepdim=True)
    )
    torch.testing.assert_close(anneal(logits, rarity, 0.0), logits)
    arrays = anneal(logits.numpy(), rarity.numpy(), np.float32(0.6))
    np.testing.assert_allclose(arrays, anneal(logits, rarity, 0.6), rtol=1e-5)


def test_chroma_is_float32_also_under_autocast() -> None:
    head = ClassHead(4, vividness=0.3)
    features = torch.randn(1, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        logits = head.to_logits(features)
        chroma = head.chroma(logits, (32, 32))
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(chroma, head.chroma(logits.float(), (32, 32)))


def test_a_config_says_which_head_there_is() -> None:
    with_classes = colorzoo.create_model("lite-unet", widths=(4, 4, 8, 8))
    without = colorzoo.create_model("lite-unet", widths=(4, 4, 8, 8), head="ab", gates=False)
    assert has_distribution(with_classes)
    assert not has_distribution(without)
    lightness = torch.zeros(1, 1, 32, 64)
    assert with_classes.distribution(lightness).shape == (1, 261, 8, 16)
    assert without(lightness).shape == (1, 2, 32, 64)
    with pytest.raises(TypeError, match="LiteUNet has no distribution"):
        without.distribution(lightness)


def test_default_vividness_is_the_configs() -> None:
    calm, vivid = (
        colorzoo.create_model("lite-unet", widths=(4, 4, 8, 8), vividness=value).eval()
        for value in (0.0, 0.8)
    )
    vivid.load_state_dict(calm.state_dict())
    lightness = torch.rand(1, 1, 32, 32) * 2 - 1
    with torch.no_grad():
        assert vivid(lightness).abs().mean() > calm(lightness).abs().mean()
        torch.testing.assert_close(vivid(lightness), calm.forward_with_logits(lightness, 0.8)[0])


def test_a_colorizer_takes_vividness_where_its_model_has_a_distribution() -> None:
    colorizer, without = (
        Colorizer(
            NetworkPredictor(
                colorzoo.create_model("lite-unet", widths=(4, 4, 8, 8), head=head), name=head
            )
        )
        for head in ("classes", "ab")
    )
    lightness = torch.rand(1, 1, 40, 72) * 100.0
    calm, vivid = (
        colorizer.predict(lightness, Guidance(vividness=vividness)) for vividness in (0.0, 1.0)
    )
    assert (colorizer.vividness, without.vividness) == (0.0, None)
    torch.testing.assert_close(colorizer.predict(lightness), calm)
    assert vivid.shape == (1, 2, 40, 72)
    assert (vivid - calm).norm(dim=1).mean() > 1.0
    with pytest.raises(ConfigError, match="'ab' does not take vividness"):
        without.predict(lightness, Guidance(vividness=0.5))
