"""Tiles over HTTP by aiohttp, decoded by Pillow, and the mean of each.

    aiohttp_fetch.py http://HOST/{z}/{x}/{y}.jpg TILES
"""

import asyncio
import io
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from inputs import ZOOM, placed  # noqa: E402  (it lies one folder up)

AT_A_TIME = 32


def brightness(payload: bytes) -> float:
    return float(np.asarray(Image.open(io.BytesIO(payload)).convert("RGB")).mean()) / 255


async def fetch_all(template: str, tiles: int) -> float:
    places = iter([(x, y) for x, y, _ in placed()[:tiles]])
    loop = asyncio.get_running_loop()
    scores = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        connector = aiohttp.TCPConnector(limit=AT_A_TIME)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def work() -> None:
                for x, y in places:
                    url = template.format(z=ZOOM, x=x, y=y)
                    async with session.get(url) as answer:
                        answer.raise_for_status()
                        payload = await answer.read()
                    scores.append(await loop.run_in_executor(pool, brightness, payload))

            start = time.perf_counter()
            await asyncio.gather(*(work() for _ in range(AT_A_TIME)))
            elapsed_s = time.perf_counter() - start
    assert len(scores) == tiles
    return elapsed_s


tiles = int(sys.argv[2])
elapsed_s = asyncio.run(fetch_all(sys.argv[1], tiles))
print(json.dumps({"tiles_per_s": tiles / elapsed_s, "elapsed_s": elapsed_s}))
