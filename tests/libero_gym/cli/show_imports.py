"""Run `libero-gym`, then print the packages that it has imported on standard error, a line each."""

import sys

from libero_gym.cli import main

try:
    main()
finally:
    sys.stderr.write("".join(f"{name}\n" for name in {module.partition(".")[0] for module in sys.modules}))
