"""The command line, with supervisors over fake boxes. FAKE_NO_PACKAGES: as if no package brought a server."""

import os
import sys
from pathlib import Path

from opsconductor.cli import launch, main
from opsconductor.cli.servers import programs

launch.SUPERVISOR = (sys.executable, str(Path(__file__).with_name("fake_cluster.py")))
if "FAKE_NO_PACKAGES" in os.environ:
    programs._package_folder = lambda _package: None
sys.exit(main.main(sys.argv[1:]))
