"""`python -m app.ops.doctor FILE`: show the screen for a report that `condenser doctor --json` wrote elsewhere."""

import json
import sys
from pathlib import Path

from app.ops.doctor.checks import examine
from app.ops.doctor.observations import from_json
from app.ops.doctor.presentation import print_screen

if __name__ == "__main__":
    recorded = json.loads(Path(sys.argv[1]).read_text())
    seen = from_json(json.dumps(recorded.get("observations", recorded)))
    print_screen(seen, examine(seen), sys.stdout)
