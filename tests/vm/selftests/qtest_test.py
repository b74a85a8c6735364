# SPDX-License-Identifier: MIT
"""A list of tests in several processes: none is lost, and the one that ends its process is named."""

import io
import os
import tempfile
import unittest

from vmlib import qtest, tap

# A program of two groups; BEHAVIOUR is a line of shell for the test /a/m/g1/two.
PROGRAM = """#!/bin/sh
names='/a/m/g1/one /a/m/g1/two /a/m/g1/deep/three /a/m/g2/one'
list= paths=
while [ $# -gt 0 ]; do
	case $1 in
	-l)	list=1 ;;
	-p)	paths="$paths $2"; shift ;;
	esac
	shift
done
if [ -n "$list" ]; then
	echo 1..4
	printf '%s\\n' $names
	exit
fi
n=0 status=0
for name in $names; do
	chosen=
	for path in $paths; do
		# As GLib's: a path of a group is not one of groups within it.
		[ "$path" = "$name" ] || [ "$path" = "${name%/*}" ] || continue
		chosen=1
	done
	[ -n "$chosen" ] || continue
	n=$((n + 1))
	case $name in
	*/g1/two)	BEHAVIOUR ;;
	esac
	echo "ok $n $name"
done
echo 1..$n
exit $status
"""


class Qtest(unittest.TestCase):
    def run_list(self, behaviour, silence=60):
        """(TAP, its count) of a run where one test behaves like that."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "mmapdemo-test")
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(PROGRAM.replace("BEHAVIOUR", behaviour))
            os.chmod(path, 0o755)
            kept, qtest.SILENCE_SECONDS = qtest.SILENCE_SECONDS, silence
            try:
                text, status = qtest.tap(directory, io.BytesIO(), jobs=2)
            finally:
                qtest.SILENCE_SECONDS = kept
        return text, tap.count_tap(text, status, "t")

    def test_all_are_counted(self):
        _, count = self.run_list(":")
        self.assertEqual((count.passed, count.failed, count.skipped), (4, 0, 0))

    def test_failure_is_counted(self):
        _, count = self.run_list('echo "not ok $n $name"; status=1; continue')
        self.assertEqual((count.passed, count.failed), (3, 1))
        self.assertIn("/a/m/g1/two", count.failures[0])

    def test_skip_is_counted(self):
        _, count = self.run_list('echo "ok $n $name # SKIP no such thing"; continue')
        self.assertEqual((count.passed, count.failed, count.skipped), (3, 0, 1))

    def test_death_is_named_and_the_rest_runs(self):
        _, count = self.run_list('echo "**"; echo "# ERROR:x.c:1: assertion failed: y"; kill -ABRT $$')
        self.assertEqual((count.passed, count.failed), (3, 1))
        self.assertIn("/a/m/g1/two", count.failures[0])
        self.assertIn("signal 6", count.failures[0])
        self.assertIn("assertion failed: y", count.failures[0])

    def test_silence_is_named_and_the_rest_runs(self):
        _, count = self.run_list("exec sleep 60", silence=1)
        self.assertEqual((count.passed, count.failed), (3, 1))
        self.assertIn("/a/m/g1/two", count.failures[0])

    def test_left_out_is_a_failure(self):
        _, count = self.run_list("continue")
        self.assertEqual((count.passed, count.failed), (3, 1))
        self.assertIn("/a/m/g1/two", count.failures[0])

    def test_reported_twice_is_a_failure(self):
        _, count = self.run_list('echo "ok $n $name"')
        self.assertEqual(count.failed, 1)

    def test_bad_end_is_a_failure(self):
        _, count = self.run_list("status=3")
        self.assertEqual((count.passed, count.failed), (4, 1))

    def test_no_list_is_a_failure(self):
        _, count = self.run_list("x", silence=1)
        self.assertGreater(count.total, 0)
        with tempfile.TemporaryDirectory() as directory:
            text, status = qtest.tap(directory, io.BytesIO())
        self.assertGreater(tap.count_tap(text, status, "t").failed, 0)
