"""The way of 2018 without a server: JPEG files through Pillow into Keras `predict`, batch 16.

    keras_predict.py MODEL.keras TILES
"""

import json
import sys
import time

import keras
import numpy as np
from feed import batches

BATCH = 16


def main(model_file: str, tiles: int) -> None:
    model = keras.models.load_model(model_file, compile=False)
    # What is compiled and allocated at the first call belongs to nobody.
    model.predict(scaled(next(batches(BATCH, BATCH))), batch_size=BATCH, verbose=0)
    start = time.perf_counter()
    scores = model.predict(((scaled(batch),) for batch in batches(tiles, BATCH)), verbose=0)
    elapsed_s = time.perf_counter() - start
    assert len(scores) == tiles
    print(json.dumps({"tiles_per_s": tiles / elapsed_s, "elapsed_s": elapsed_s}))


def scaled(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / 127.5 - 1


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
