# SPDX-License-Identifier: MIT
"""Files in which a slow checker found nothing, remembered by content, so that it does not read them again.

Only the clean are remembered: what there was to complain about is found again by the checker itself.
"""

import hashlib
import os


def _place():
    cache = os.environ.get("MMAPDEMO_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "mmapdemo")
    return os.path.join(cache, "style")


class Clean:
    """What one checker thinks of files under a directory."""

    def __init__(self, script, arguments):
        """script: the checker; it and what lies beside it (tables of words) decide, and so do its arguments."""
        self.rules = hashlib.sha256(repr(tuple(arguments)).encode())
        beside = os.path.dirname(script)
        for name in sorted(os.listdir(beside)):
            if name.endswith((".pl", ".txt", ".checkpatch")):
                with open(os.path.join(beside, name), "rb") as f:
                    self.rules.update(name.encode() + b"\0" + f.read())

    def _mark(self, directory, name):
        key = self.rules.copy()
        with open(os.path.join(directory, name), "rb") as f:
            key.update(name.encode() + b"\0" + f.read())
        digest = key.hexdigest()
        return os.path.join(_place(), digest[:2], digest)

    def unknown(self, directory, names):
        """Those of the files that have to be looked at."""
        return [name for name in names if not os.path.exists(self._mark(directory, name))]

    def remember(self, directory, names, complaints):
        """After a run that came to its end: complaints are its lines, each beginning with "NAME:"."""
        unclean = {line.split(":", 1)[0] for line in complaints}
        for name in set(names) - unclean:
            mark = self._mark(directory, name)
            os.makedirs(os.path.dirname(mark), exist_ok=True)
            with open(mark, "wb"):
                pass
