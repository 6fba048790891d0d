"""How a tile of 256×256 becomes an image of the network's size.

`resize` is a triangle filter whose support grows when it shrinks an image: Pillow's bilinear
resize, without its rounding. It is separable, so it is one matrix for rows and one for columns,
in NumPy here and as two products inside the graph.
"""

from __future__ import annotations

import numpy as np

from .contract import TILE_PX
from .unusable import Unusable

FITS = ("resize", "crop", "pad")


def resize_matrix(size: int, tile: int = TILE_PX) -> np.ndarray:
    """float32 `[size, tile]`; each row sums to one.

    After Pillow's `precompute_coeffs` in Resample.c.
    """
    ratio = tile / size
    support = max(ratio, 1.0)
    centres = (np.arange(size) + 0.5) * ratio
    distance = np.abs(np.arange(tile)[None] + 0.5 - centres[:, None]) / support
    weights = np.maximum(1.0 - distance, 0.0)
    # Pillow looks only at whole pixels inside the support.
    first = np.maximum((centres - support + 0.5).astype(int), 0)
    last = np.minimum((centres + support + 0.5).astype(int), tile)
    columns = np.arange(tile)[None]
    weights[(columns < first[:, None]) | (columns >= last[:, None])] = 0.0
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def check_fit(fit: str | None, height: int, width: int) -> str | None:
    """The fit that is needed, `None` for none. Raises `Unusable` where it has to be told."""
    if (height, width) == (TILE_PX, TILE_PX):
        return None
    size = f"{width}×{height}"
    if fit is None:
        raise Unusable(
            f"the model takes images of {size} and tiles have {TILE_PX}×{TILE_PX}",
            "say how they are fitted with --fit resize, crop or pad",
        )
    if fit == "crop" and max(height, width) > TILE_PX:
        raise Unusable(f"--fit crop cannot make {size} out of a tile", "use --fit resize or pad")
    if fit == "pad" and min(height, width) < TILE_PX:
        raise Unusable(f"--fit pad cannot make {size} out of a tile", "use --fit resize or crop")
    return fit


def fitted(images: np.ndarray, fit: str | None, height: int, width: int) -> np.ndarray:
    """`[n, 256, 256, c]` as float32 `[n, height, width, c]`."""
    images = images.astype(np.float32)
    if fit == "resize":
        rows, columns = resize_matrix(height), resize_matrix(width)
        return np.einsum("hy,nyxc,wx->nhwc", rows, images, columns, optimize=True)
    if fit == "crop":
        top, left = (TILE_PX - height) // 2, (TILE_PX - width) // 2
        return images[:, top : top + height, left : left + width]
    if fit == "pad":
        out = np.zeros((len(images), height, width, images.shape[3]), np.float32)
        top, left = (height - TILE_PX) // 2, (width - TILE_PX) // 2
        out[:, top : top + TILE_PX, left : left + TILE_PX] = images
        return out
    return images
