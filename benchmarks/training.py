"""What a training step costs for each recipe: data, the whole step, and the trainer's own share.

``python benchmarks/training.py``. Each recipe runs in a process of its own, so that peak memory is
its own. The step of the trainer and the same step in plain torch take turns on the same batches.
On a processor with loader and step in one process (``--workers 0``) times are processor times,
which what else the machine does hardly touches; else they are wall times.
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from _report import describe_machine
from PIL import Image
from torch.nn import functional as F

from colorzoo.color import scale_chroma, scale_lightness, srgb_to_lab
from colorzoo.data.photos import Batch
from colorzoo.training.config import TrainingConfig
from colorzoo.training.trainer import Trainer

RECIPES = Path(__file__).parent.parent / "recipes"
NAMES = ("unet-gan", "res-unet-gan", "dense-unet-gan", "attention-unet-gan", "cnn")
PLAIN = ("loss.pixel=l1", "loss.emphasis=0", "loss.adversarial=bce", "loss.real_label=0.9")
"""What a recipe must be for the step in plain torch to be the same; its last phase counts, on the
pixel loss, and on the adversarial one where it has that."""


class PlainStep:
    """The trainer's step as one would write it by hand: no Accelerate, no config.

    Args:
        trainer: Gives the first weights and the numbers.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.weights = trainer.phase.weights
        self.device = trainer.accelerator.device
        self.bf16 = trainer.config.run.precision == "bf16"
        self.generator = copy.deepcopy(trainer.networks.generator)
        self.discriminator = copy.deepcopy(trainer.networks.discriminator)
        self.average = copy.deepcopy(trainer.networks.average.module)
        optimizer = trainer.config.optimizer
        self.generator_adam, self.discriminator_adam = (
            network
            and torch.optim.Adam(network.parameters(), lr=2e-4, betas=optimizer.betas, fused=True)
            for network in (self.generator, self.discriminator)
        )

    def __call__(self, batch: Batch) -> None:
        """Take one step."""
        lab = srgb_to_lab(batch.rgb.to(self.device, non_blocking=True).float() / 255)
        lightness, chroma = scale_lightness(lab[:, :1]), scale_chroma(lab[:, 1:])
        with self._cast():
            fake = self.generator(lightness)
        fake = fake.float()
        if self.discriminator is not None:
            pairs = torch.cat((chroma, fake.detach()))
            logits = self._judge(torch.cat((lightness, lightness)), pairs)
            real_logits, fake_logits = logits.chunk(2)
            real = F.binary_cross_entropy_with_logits(
                real_logits, torch.full_like(real_logits, 0.9)
            )
            false = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
            (0.5 * (real + false)).backward()
            self.discriminator_adam.step()
            self.discriminator_adam.zero_grad()
        loss = self.weights["pixel"] * F.l1_loss(fake, chroma)
        if self.discriminator is not None:
            self.discriminator.requires_grad_(False)
            logits = self._judge(lightness, fake)
            loss = loss + F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        loss.backward()
        if self.discriminator is not None:
            self.discriminator.requires_grad_(True)
        self.generator_adam.step()
        self.generator_adam.zero_grad()
        with torch.no_grad():
            trained = self.generator.state_dict()
            for name, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(trained[name], 0.001)
                else:
                    value.copy_(trained[name])

    def _cast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def _judge(self, lightness: torch.Tensor, chroma: torch.Tensor) -> torch.Tensor:
        with self._cast():
            logits: torch.Tensor = self.discriminator(torch.cat((lightness, chroma), dim=1))
        return logits.float()


def prepare(name: str, options: argparse.Namespace, folder: Path) -> Trainer:
    """Return the run of one recipe, at the beginning of its last phase."""
    overrides = [
        f"data.train={options.data}",
        "data.validation=",
        "data.min_colorfulness=0",
        f"data.size={options.size}",
        f"data.batch_size={options.batch_size}",
        f"data.workers={options.workers}",
        *PLAIN,
        f"run.device={options.device}",
        f"run.precision={options.precision}",
        f"run.folder={folder / name}",
    ]
    recipe = RECIPES / f"{name}.toml"
    phases = TrainingConfig.from_file(recipe).phase
    losses = "{pixel = 50.0, adversarial = 1.0}" if phases[-1].adversarial else "{pixel = 50.0}"
    overrides.append(f"phase.{len(phases) - 1}.losses={losses}")
    trainer = Trainer(TrainingConfig.from_file(recipe, overrides))
    trainer.step = trainer.config.steps - trainer.config.phase[-1].steps
    trainer.begin_phase()
    return trainer


def measure(name: str, options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Return the numbers of one recipe."""
    torch.set_num_threads(options.threads)
    trainer = prepare(name, options, folder)
    device = trainer.accelerator.device
    on_processor = device.type == "cpu" and options.workers == 0

    def seconds() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.process_time() if on_processor else time.perf_counter()

    def timed(work: Callable[[], object]) -> float:
        start = seconds()
        work()
        return seconds() - start

    def take(batches: list[Batch]) -> None:
        trainer.optimizer_step.take(batches, trainer.phase, rate=1.0)

    stored = [trainer.photos.take()[0] for _ in range(2)]  # the first ones also start the workers
    batches = [
        timed(lambda: stored.extend(trainer.photos.take())) for _ in range(2 * options.rounds)
    ]
    trainer.take_step()  # the first step also sets up the kernels
    waiting = 0.0

    def step() -> None:
        nonlocal waiting
        start = time.perf_counter()
        taken = trainer.photos.take()
        waiting += time.perf_counter() - start
        take(taken)

    began = time.perf_counter()
    whole = [timed(step) for _ in range(options.rounds)]
    share = waiting / (time.perf_counter() - began)
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / 2**20
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    plain_step = PlainStep(trainer)
    plain_step(stored[0])
    ours, plain = [], []
    for number in range(options.rounds):
        batch = stored[number % len(stored)]
        ours.append(timed(lambda batch=batch: take([batch])))
        plain.append(timed(lambda batch=batch: plain_step(batch)))
    photos = options.batch_size
    return {
        "loader": photos / statistics.median(batches),
        "step": photos / statistics.median(whole),
        "waiting": share,
        "peak": peak,
        "best": min(ours) / min(plain) - 1,
        "median": statistics.median(ours) / statistics.median(plain) - 1,
    }


def write_photos(folder: Path, count: int) -> None:
    """Write JPEG photos of the size that is usual on the web, 640x480, smooth with some grain."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC), dtype=float)
        grainy = pixels + rng.normal(0, 8, pixels.shape)
        photo = Image.fromarray(grainy.clip(0, 255).astype(np.uint8))
        photo.save(folder / f"{number:03d}.jpg", quality=90)


def render(results: dict[str, dict[str, float]]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| recipe | loader photos/s | step photos/s | loader / step | waiting | peak MB "
        "| trainer over plain torch, best | median |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {name} | {found['loader']:.1f} | {found['step']:.2f} "
        f"| {found['loader'] / found['step']:.1f} | {found['waiting']:.1%} | {found['peak']:.0f} "
        f"| {found['best']:+.1%} | {found['median']:+.1%} |"
        for name, found in results.items()
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=NAMES, help="recipes; the five models' if none")
    parser.add_argument("--data", help="photos as in data.train; made up if not given")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=8, help="steps that are timed")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--device", choices=("cpu", "auto"), default="cpu")
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # the process of one recipe
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        if options.one:
            print(json.dumps(measure(options.one, options, Path(folder))))
            return
        if not options.data:
            options.data = str(Path(folder) / "photos")
            write_photos(Path(options.data), 64)
        settings = [
            f"--{key.replace('_', '-')}={value}"
            for key, value in vars(options).items()
            if key not in ("names", "one")
        ]
        results = {}
        for name in options.names:
            command = [sys.executable, __file__, *settings, "--one", name]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            results[name] = json.loads(done.stdout)
    gpu = options.device == "auto" and torch.cuda.is_available()
    print(describe_machine(torch.device("cuda" if gpu else "cpu")))
    print(
        f"{options.size}x{options.size}, batch {options.batch_size}, "
        f"precision {options.precision}, {options.workers} workers\n"
    )
    print(render(results))


if __name__ == "__main__":
    main()
