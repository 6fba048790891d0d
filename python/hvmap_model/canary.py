"""Canary tiles: do the stored tiles still get the scores that they got at packaging?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .contract import BrokenContract, Metadata
from .session import open_session, run


def check_canaries(model: Path, metadata: Metadata) -> float:
    """The largest difference of a score from the stored one.

    Raises `BrokenContract` where it exceeds the stored tolerance.
    """
    scores, _ = run(open_session(model), metadata.canary_images)
    worst = float(np.abs(scores - np.array(metadata.canary_scores)).max())
    if worst > metadata.canary_tolerance:
        raise BrokenContract(
            f"a canary's score differs by {worst:.2e}, at most {metadata.canary_tolerance} expected"
        )
    return worst
