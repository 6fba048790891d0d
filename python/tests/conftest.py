"""Tiles drawn for the tests, and where the shipped model lies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

# What is a property of the machine, which no installation mends.
EXCUSED = "this processor has no VNNI"
DEMO = Path(__file__).parents[2] / "data" / "models" / "demo.onnx"


def pytest_sessionfinish(session):
    """With HVMAP_REQUIRE_ALL=1, as in CI, a test that skipped itself is a failure."""
    if os.environ.get("HVMAP_REQUIRE_ALL", "0") in ("", "0"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = [str(report.longrepr) for report in reporter.stats.get("skipped", [])]
    if any(EXCUSED not in reason for reason in skipped):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def demo() -> Path:
    """The model that the repository ships."""
    return DEMO


@pytest.fixture(scope="session")
def labelled(tmp_path_factory) -> Path:
    """A folder of 64 labelled tiles: a bright cross on dark noise is a tower."""
    folder = tmp_path_factory.mktemp("labelled")
    random = np.random.default_rng(7)
    lines = ["file,label,kind,style,z,x,y,base_px,base_py,bases,quality"]
    for number in range(64):
        label = "tower" if number % 2 else "negative"
        noise = random.integers(40, 90, (256, 256, 3), np.uint8)
        image, bases = Image.fromarray(noise), ""
        if label == "tower":
            x, y = (int(at) for at in random.integers(30, 226, 2))
            draw = ImageDraw.Draw(image)
            draw.line([x - 9, y - 9, x + 9, y + 9], fill=(250, 250, 250), width=3)
            draw.line([x - 9, y + 9, x + 9, y - 9], fill=(250, 250, 250), width=3)
            bases = f"{x} {y}"
        address = 18, 1000 + 40 * (number % 8), 2000 + 40 * (number // 8)
        name = f"{label}/{address[0]}-{address[1]}-{address[2]}.jpg"
        (folder / label).mkdir(exist_ok=True)
        image.save(folder / name, quality=92)
        place = ",".join(map(str, address))
        lines.append(f"{name},{label},{label},plain,{place},,,{bases},92")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder
