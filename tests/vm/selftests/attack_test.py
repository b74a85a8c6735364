# SPDX-License-Identifier: MIT
"""The kill table of the mutants, as it is shown."""

import unittest

from vmlib import attack

TABLE = """# Kill table

| mutant | in | file | test | how it was killed | s | known from |
|---|---|---|---|---|---|---|
| a_wrong_mask | driver | bar.c | guest map_bar_x | failed | 12 | |
| odd | device | regs.c | qtest regs/y \\| z | **SURVIVED** | 3 | edu |

1 of 2 killed.
""".splitlines()


class KillTable(unittest.TestCase):
    def test_rows_line_up(self):
        self.assertEqual(attack.kill_table(TABLE), [
            "mutant        file    test               how it was killed",
            "a_wrong_mask  bar.c   guest map_bar_x    failed",
            "odd           regs.c  qtest regs/y \\| z  **SURVIVED**"])

    def test_no_table_is_no_rows(self):
        self.assertEqual(attack.kill_table([]), [])


if __name__ == "__main__":
    unittest.main()
