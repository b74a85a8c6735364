# SPDX-License-Identifier: MIT
"""Results as TAP, for the scripts of tests/unit and tests/abi: meson gives them this directory as PYTHONPATH."""
import subprocess
import sys


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, name, good, detail=""):
        self.count += 1
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}")
        if not good:
            self.failed += 1
            for line in str(detail).splitlines()[:20]:
                print(f"# {line}")
        return good

    def empty(self, name, complaints):
        """Passes when there is nothing to complain about."""
        return self.check(name, not complaints, "\n".join(complaints))

    def command(self, name, argv, **kwargs):
        """Passes when the command does; returns its standard output."""
        r = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=120, **kwargs)
        self.check(name, r.returncode == 0, f"{' '.join(argv)}\n{r.stderr}")
        return r.stdout

    def finish(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed or not self.count else 0)
