"""Says whether two runs gave every tile the same state and score, bit for bit.

    same_scores.py RUN RUN
"""

import sqlite3
import sys


def outcomes(run):
    with sqlite3.connect(f"file:{run}/run.hvmap?mode=ro", uri=True) as ledger:
        return ledger.execute("SELECT * FROM outcome ORDER BY 1, 2").fetchall()


first, second = map(outcomes, sys.argv[1:])
if not first or first != second:
    sys.exit(f"{len(first)} and {len(second)} outcomes, which differ")
print(f"the same scores in {len(first)} work units")
