"""The tiles of an area by supermercado.

    supermercado_cover.py AREA.geojson ZOOM
"""

import json
import sys
import time
from pathlib import Path

from supermercado import burntiles

features = json.loads(Path(sys.argv[1]).read_text())["features"]
start = time.perf_counter()
tiles = burntiles.burn(features, int(sys.argv[2]))
print(json.dumps({"compute_s": time.perf_counter() - start, "tiles": len(tiles)}))
