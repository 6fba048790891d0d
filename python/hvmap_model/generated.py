"""Images made from nothing, for the proof of a model that comes without tiles.

Smooth shapes, edges and grain over the whole range of colours: they show a wrong scaling, channel
order or layout as well as real tiles do. They say nothing of how good a model is.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .contract import TILE_PX


def generated_images(count: int, seed: int = 1) -> np.ndarray:
    """uint8 `[count, 256, 256, 3]`, the same for a seed."""
    random = np.random.default_rng(seed)
    return np.stack([_image(random) for _ in range(count)])


def _image(random: np.random.Generator) -> np.ndarray:
    coarse = random.integers(0, 256, (int(random.integers(2, 12)),) * 2 + (3,), np.uint8)
    image = Image.fromarray(coarse).resize((TILE_PX, TILE_PX), Image.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(3, 16))):
        ends = tuple(int(at) for at in random.integers(-20, TILE_PX + 20, 4))
        colour = tuple(int(part) for part in random.integers(0, 256, 3))
        if random.random() < 0.5:
            draw.line(ends, fill=colour, width=int(random.integers(1, 9)))
        else:
            (left, right), (top, bottom) = sorted(ends[::2]), sorted(ends[1::2])
            draw.rectangle([left, top, right, bottom], fill=colour)
    grain = random.normal(0, random.uniform(0, 25), (TILE_PX, TILE_PX, 3))
    return np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)
