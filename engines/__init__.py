"""Engines, stores and databases on loopback, each in processes of its own: for tests and figures.

`scripts/engines.sh` installs what they start. None of it is part of the package.
"""

from pathlib import Path

ROOT = Path(__file__).parent.parent
INSTALLED = ROOT / "build/engines"
