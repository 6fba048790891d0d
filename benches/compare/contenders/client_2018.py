"""The client of 2018, which knows TF Serving's REST alone: images in base64 inside JSON.

    client_2018.py http://HOST:PORT/v1/models/NAME:predict TILES
"""

import base64
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from inputs import files  # noqa: E402  (it lies one folder up)

BATCH = 16
AT_A_TIME = 4


def main(url: str, tiles: int) -> None:
    paths = files(tiles)
    groups = [paths[first : first + BATCH] for first in range(0, tiles, BATCH)]
    with requests.Session() as session:

        def ask(group: list[Path]) -> int:
            instances = [
                {"image_bytes": {"b64": base64.b64encode(path.read_bytes()).decode()}} for path in group
            ]
            answer = session.post(url, data=json.dumps({"instances": instances}))
            answer.raise_for_status()
            return len(answer.json()["predictions"])

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(ask, groups[:AT_A_TIME]))
            start = time.perf_counter()
            answered = sum(pool.map(ask, groups))
            elapsed_s = time.perf_counter() - start
    assert answered == tiles, f"{answered} answers to {tiles} tiles"
    print(json.dumps({"tiles_per_s": tiles / elapsed_s, "elapsed_s": elapsed_s}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
