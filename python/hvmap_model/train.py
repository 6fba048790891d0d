"""Training: labelled tiles in, a Keras Xception out, slim or full.

Two stages share one falling learning rate: first crops around the towers, which show the network
several times as many pictures in the same time, then whole tiles, as it will see them. Beside the
class the network learns *where*, as far as the pixels of the towers' bases are known.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from . import curves
from .feed import Feed
from .networks import NETWORKS, Network
from .settings import Settings
from .slim import TILE_PX
from .start import start_from
from .tiles import Tile, find_tiles, read_pixels, sample, split_by_place
from .trainer import Scorer, Trainer
from .unusable import Unusable

CLASSES = ["negative", "tower"]
"""The classes of a model trained here, in the order of its outputs."""


def train(folders: list[Path], out: Path, settings: Settings, init: Path | None = None) -> None:
    """Trains on the tiles of labelled folders and tables and writes `out` (a .keras file) and, beside
    it, its settings and history as JSON and its curves as PNG. `init` starts from weights at hand.

    While it runs, `out` holds the latest weights; in the end those of the whole-tile check with
    the lowest validation loss. The same seed, tiles and machine give the same batches; sums of
    several threads may differ in their last bits.

    Raises `Unusable` where a side of the split lacks one of the labels.
    """
    keras.utils.set_random_seed(settings.seed)
    network = NETWORKS[settings.network]
    training, validation = split_by_place(
        find_tiles(folders), settings.validation_share, settings.seed, settings.split
    )
    for name, some in (("training", training), ("validation", validation)):
        _check_side(name, some)
    # A stable choice: check is compared with check.
    validation = sample(validation, settings.validation_tiles_max, settings.seed)
    print(_counts("training", training), _counts("validation", validation), sep="; ", flush=True)
    # Crops and tiles go through one network: the shape of its input is not fixed.
    model = network.build_for_training(len(CLASSES))
    if init:
        print(start_from(model, init), flush=True)
    feed = Feed(
        training,
        read_pixels(training),
        batch_size=settings.batch_size,
        positive_share=settings.positive_share,
        stride_px=network.stride_px,
        seed=settings.seed,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    watch = _Watch(model, network, validation, out)
    trainer = Trainer(model, settings)
    if not init:
        trainer.start_at_base_rate()
    if settings.crop_steps and not any(tile.bases for tile in training if tile.positive):
        print("no tower's pixel is known, so crops are left out: whole tiles alone", flush=True)
    else:
        _stage(trainer, feed, watch, settings.crop_px, settings.crop_steps)
    if settings.tile_steps:
        watch.start_choosing()
        _stage(trainer, feed, watch, TILE_PX, settings.tile_steps)

    final = watch.whole_tile_model(watch.best_weights)
    final.save(out)
    notes = {
        "settings": asdict(settings),
        "init": init.name if init else None,
        "training": len(training),
        "validation": len(validation),
        "history": watch.history,
    }
    out.with_suffix(".json").write_text(json.dumps(notes, indent=1) + "\n")
    curves.plot_history(watch.history, out.with_name(f"{out.stem}-history.png"))
    scores = Scorer(final)(watch.pixels)
    curves.plot(scores, watch.truth, settings.base_rate, out.with_name(f"{out.stem}-curves.png"))


def _stage(trainer: Trainer, feed: Feed, watch: _Watch, size_px: int, steps: int) -> None:
    """Some steps on pictures of one size, with a check now and then and after the last."""
    losses: list[float] = []
    for step, batch in enumerate(feed.batches(size_px, steps), start=1):
        losses.append(trainer.step(batch))
        watch.steps += 1
        if step == steps or step % trainer.settings.steps_between_checks == 0:
            watch.check(size_px, float(np.mean(losses)))
            losses.clear()
            # Crops say little about whole tiles: only the second stage stops early.
            if size_px == TILE_PX and watch.checks_since_best >= trainer.settings.patience:
                return


class _Watch:
    """Checks on the validation tiles, and remembers the best."""

    def __init__(self, model: keras.Model, network: Network, validation: list[Tile], out: Path):
        self.model, self.network, self.out = model, network, out
        self.truth = np.array([tile.positive for tile in validation])
        self.pixels = read_pixels(validation)
        self.scorer = Scorer(model)
        self.started = time.monotonic()
        self.steps = 0
        self.history: list[dict] = []
        self.start_choosing()

    def start_choosing(self) -> None:
        """Forgets the best: what was checked on crops does not count on whole tiles."""
        self.best, self.best_weights, self.checks_since_best = np.inf, None, 0

    def check(self, size_px: int, training_loss: float) -> None:
        minutes = (time.monotonic() - self.started) / 60
        check = {
            "step": self.steps,
            "size_px": size_px,
            "minutes": round(minutes, 2),
            "training_loss": round(training_loss, 5),
            **curves.summary(self.scorer(self.pixels), self.truth),
        }
        print(json.dumps(check), flush=True)
        self.history.append(check)
        weights = self.model.get_weights()
        self.whole_tile_model(weights).save(self.out)
        self.checks_since_best += 1
        if self.best_weights is None or check["loss"] < self.best:
            self.best, self.best_weights, self.checks_since_best = check["loss"], weights, 0

    def whole_tile_model(self, weights: list[np.ndarray]) -> keras.Model:
        """The network for whole tiles, of stock layers alone, as it is saved."""
        model = self.network.build(len(CLASSES))
        model.set_weights(weights)
        return model


def _check_side(name: str, tiles: list[Tile]) -> None:
    towers = sum(tile.positive for tile in tiles)
    if 0 < towers < len(tiles):
        return
    missing = "tile with a tower" if towers == 0 else "tile without one"
    raise Unusable(
        f"the {name} side of the split holds no {missing}",
        "label more blocks of 64×64 tiles, or give another --validation-share or --seed, or "
        "--split blocks",
    )


def _counts(name: str, tiles: list[Tile]) -> str:
    positives = sum(tile.positive for tile in tiles)
    return f"{name}: {positives} tower tiles, {len(tiles) - positives} negatives"
