"""Makes `python -m hvmap_model` the same as `hvmap-model`."""

import sys

from .cli import main

sys.exit(main())
