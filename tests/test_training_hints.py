"""Hint channels: drawn from photos, learnt from, put on weights without them, and used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hint_pictures import chroma_of, lab_of_color, waves
from safetensors.torch import load_file

import colorzoo
from colorzoo import Hints
from colorzoo.errors import ConfigError
from colorzoo.models.base import Generator
from colorzoo.predictor import Guidance, pack_hints
from colorzoo.predictors.network import NetworkPredictor
from colorzoo.schema import read_json
from colorzoo.training.config import TrainingConfig
from colorzoo.training.hints import draw_hints
from colorzoo.training.objective import ScaledPhotos
from colorzoo.training.trainer import Trainer, train

HINTED = ["model.config.hints=true"]


def trained(path: Path, folder: Path, *overrides: str, resume: bool = False) -> Path:
    config = TrainingConfig.from_file(path, [*overrides, f"run.folder={folder}"])
    result = train(config, resume=resume)
    assert result.model
    return result.model


def test_hints_are_drawn_as_users_give_them() -> None:
    # A colour that tells its place: a of the column, b of the row.
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(56.0), indexing="ij")
    chroma = torch.stack((columns / 56, rows / 40)).expand(600, -1, -1, -1)
    planes = draw_hints(chroma)
    assert planes.shape == (600, 3, 40, 56)
    mask = planes[:, 2] > 0
    assert set(planes[:, 2].unique().tolist()) == {0.0, 1.0}
    assert not planes[:, :2].masked_select(~mask[:, None]).any()
    shares = mask.float().mean(dim=(1, 2))
    assert 0.08 < (shares == 0).float().mean() < 0.2  # some have none
    assert 0 < (shares == 1).float().mean() < 0.04  # a few are shown as a whole
    assert (shares < 0.06).float().mean() > 0.25  # many have few
    whole = shares == 1
    assert torch.equal(planes[whole][:, :2], chroma[whole])
    # A mean of a small square is near the truth in all of it, and somewhere it is the truth.
    away = (planes[:, :2] - chroma).abs().masked_select(mask[:, None])
    assert away.max() < 9 / 40
    assert away.mean() > 0.01
    for border in (mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1]):
        assert border[~whole].any()
    torch.manual_seed(3)
    first = draw_hints(chroma)
    torch.manual_seed(3)
    assert torch.equal(first, draw_hints(chroma))


def test_a_hint_is_the_mean_of_its_square() -> None:
    torch.manual_seed(1)
    chroma = torch.rand(400, 2, 12, 12) * 2 - 1
    planes = draw_hints(chroma)
    alone = 0
    for true, shown in zip(chroma, planes, strict=True):
        rows, columns = shown[2].nonzero(as_tuple=True)
        if len(rows) == 0 or len(rows) == 144:
            continue
        box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
        square = rows.max() - rows.min(), columns.max() - columns.min()
        one_color = (shown[:2, rows, columns] == shown[:2, rows[:1], columns[:1]]).all()
        if shown[2][box].all() and one_color and max(square) < 9:
            alone += 1
            mean = true[:, box[0], box[1]].mean(dim=(1, 2))
            assert (shown[:2, rows[0], columns[0]] - mean).abs().max() < 1e-5
    assert alone > 10


@pytest.fixture(scope="module")
def follower() -> Generator[Any]:
    """A small network trained with hints on plain photos of one lightness and any colour."""
    torch.manual_seed(0)
    network = colorzoo.create_model("unet", widths=(12, 12, 12), norm="none", hints=True)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(8.0)  # the usual start is small, and slow
    adam = torch.optim.Adam(network.parameters(), lr=5e-3)
    lightness = torch.zeros(12, 1, 16, 16)
    for _ in range(200):
        chroma = (torch.rand(12, 2, 1, 1) - 0.5).expand(-1, -1, 16, 16)
        photos = ScaledPhotos(lightness, lightness, chroma, draw_hints(chroma))
        loss = (network(photos.seen) - chroma).abs().mean()
        adam.zero_grad()
        torch.autograd.backward(loss)
        adam.step()
    return network.eval()


def test_a_network_learns_to_follow_hints(follower: Generator[Any]) -> None:
    predictor = NetworkPredictor(follower, device="cpu")
    assert predictor.accepts == {"hints"}
    lightness = np.full((1, 1, 16, 16), 50, dtype=np.float32)
    mask = np.zeros((1, 1, 16, 16), dtype=np.bool_)
    mask[..., 4:8, 3:7] = mask[..., 9:13, 10:14] = True
    for given in ((30.0, 0.0), (-15.0, -35.0)):
        wanted = np.array(given, dtype=np.float32).reshape(1, 2, 1, 1)
        guidance = Guidance(np.broadcast_to(wanted, (1, 2, 16, 16)), mask)
        told = np.abs(predictor.predict(lightness, guidance) - wanted).mean()
        alone = np.abs(predictor.predict(lightness) - wanted).mean()
        assert told < 0.7 * alone  # the whole picture follows


class Deaf(NetworkPredictor):
    """A network that is never given the hints which it could take."""

    def __init__(self, generator: Generator[Any]) -> None:
        super().__init__(generator, working_size=16, device="cpu")
        self.accepts = frozenset()


def test_hints_reach_the_network_and_their_pixels_have_their_colour(
    follower: Generator[Any], tmp_path: Path
) -> None:
    folder = colorzoo.save(follower, tmp_path / "m", image=colorzoo.ImageSettings(working_size=16))
    colorizer = colorzoo.load(folder, device="cpu")
    grey = waves(48, 48)
    points = [(15, 12, (140, 125, 110)), (33, 36, (110, 125, 140))]
    hints = Hints.from_points(points, radius=4)
    result = chroma_of(colorizer(grey, hints=hints))
    for row, column, given in points:
        near = result[:, row - 3 : row + 4, column]
        assert (near - lab_of_color(*given)[:, None]).abs().max() < 2.0
    # The same by the network without hints, mended: elsewhere it differs, for the network knew.
    deaf = Deaf(follower)
    mended = chroma_of(colorzoo.Colorizer(deaf)(grey, hints=hints))
    assert (result - mended).abs().max() > 3.0
    assert torch.equal(chroma_of(colorizer(grey)), chroma_of(colorzoo.Colorizer(deaf)(grey)))


def test_a_resumed_run_with_hints_equals_a_straight_one(config_file: Path, tmp_path: Path) -> None:
    constant = [*HINTED, "optimizer.decay=constant"]
    whole = load_file(trained(config_file, tmp_path / "whole", *constant) / "model.safetensors")
    trained(config_file, tmp_path / "halves", *constant, "phase.0.steps=4")
    resumed = trained(config_file, tmp_path / "halves", *constant, resume=True)
    halves = load_file(resumed / "model.safetensors")
    assert all(torch.equal(halves[name], value) for name, value in whole.items())
    plain = trained(config_file, tmp_path / "plain", "phase.0.steps=2")
    further = trained(config_file, tmp_path / "further", *HINTED, f"model.weights={plain}")
    first = load_file(further / "model.safetensors")["down.0.conv.weight"]
    assert first[:, 1:].abs().amax(dim=(0, 2, 3)).min() > 0  # each began at 0


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("attention-unet", {"widths": (8, 16)}),
        ("lite-unet", {"widths": (4, 4, 8, 8)}),
        ("squeeze-unet", {}),
        ("timm-unet", {}),
    ],
)
def test_weights_without_hints_are_a_start_for_a_network_with_them(
    name: str, values: dict[str, object], config_file: Path, tmp_path: Path
) -> None:
    if name == "timm-unet":
        pytest.importorskip("timm")
    from colorzoo.registry import ARCHITECTURES
    from colorzoo.schema import replace, to_dict

    config = replace(ARCHITECTURES.get(name).config.tiny(), values, where="test")
    plain = colorzoo.create_model(name, config).eval()
    folder = colorzoo.save(plain, tmp_path / "plain", image=colorzoo.ImageSettings(working_size=64))
    assert "hints" not in read_json(folder / "config.json")["config"]  # as in all older files
    training = to_dict(TrainingConfig.from_file(config_file))
    training["model"] = {
        "name": name,
        "weights": str(folder),
        "config": {**to_dict(config), "hints": True},
    }
    training["data"]["size"] = 64
    started = Trainer(TrainingConfig.from_values(training, where="test")).networks.generator.eval()
    lightness = torch.rand(2, 1, 64, 96) * 2 - 1
    no_hints = torch.zeros(2, 3, 64, 96)
    with torch.no_grad():
        expected = plain(lightness)
        assert torch.allclose(started(torch.cat((lightness, no_hints), 1)), expected, atol=1e-6)
    hinted = colorzoo.save(
        started, tmp_path / "hinted", image=colorzoo.ImageSettings(working_size=64)
    )
    assert read_json(hinted / "config.json")["config"]["hints"] is True
    training["model"] = {"name": name, "weights": str(hinted), "config": to_dict(config)}
    with pytest.raises(ConfigError, match=r"hints=True.*Make them agree"):
        Trainer(TrainingConfig.from_values(training, where="test"))


def test_hints_are_packed_with_zeros_where_there_are_none() -> None:
    lightness = np.zeros((1, 1, 2, 2), dtype=np.float32)
    assert pack_hints(None, lightness).shape == (1, 3, 2, 2)
    mask = torch.tensor([[[[True, False], [False, False]]]])
    planes = pack_hints(
        Guidance(hint_chroma=torch.full((1, 2, 2, 2), 7.0), hint_mask=mask), lightness
    )
    assert planes[0, :, 0, 0].tolist() == [7.0, 7.0, 1.0]
    assert not planes[0, :, 1].any()
