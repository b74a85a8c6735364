# SPDX-License-Identifier: MIT
"""Attributes that the driver makes in sysfs, docs/abi, and what the guest tests expect are one and the same set.

Usage: sysfs.py SOURCE_ROOT
"""
import re
import sys

from tap import Tap

root = sys.argv[1]
tap = Tap()

TAGS = ["What", "Date", "KernelVersion", "Contact", "Description", "Users"]
CLASS = "/sys/class/mmapdemo/mmapdemoN/"


def read(name):
    with open(f"{root}/{name}") as f:
        return f.read()


def in_driver():
    """{path: mode} of kernel/sysfs.c: attributes by group, groups by the list that the device is given."""
    text = read("kernel/sysfs.c")
    modes = {name: {"RO": 0o444, "RW": 0o644}[mode]
             for mode, name in re.findall(r"^static DEVICE_ATTR_(\w+)\((\w+)\);", text, re.M)}
    lists = {name: re.findall(r"&dev_attr_(\w+)\.attr", body)
             for name, body in re.findall(r"static struct attribute \*(\w+)\[\] = \{(.*?)\};", text, re.S)}
    groups = {}
    for name, body in re.findall(r"static const struct attribute_group (\w+) = \{(.*?)\};", text, re.S):
        directory = re.search(r'\.name = "(\w+)"', body)
        groups[name] = (directory.group(1) + "/" if directory else "", re.search(r"\.attrs = (\w+)", body).group(1))
    used = re.findall(r"&(\w+),", re.search(r"mmapdemo_sysfs_groups\[\] = \{(.*?)\};", text, re.S).group(1))
    tap.check("driver_uses_every_attribute",
              sorted(modes) == sorted(a for g in used for a in lists[groups[g][1]]), (modes, lists, used))
    return {directory + attribute: modes[attribute]
            for directory, attributes in (groups[name] for name in used) for attribute in lists[attributes]}


def in_document():
    """{path: {tag: text}} of docs/abi, each entry a paragraph."""
    entries = {}
    for paragraph in re.split(r"\n\n(?=What:)", read("docs/abi/sysfs-class-mmapdemo").split("\n\n", 1)[1]):
        entry, tag = {}, None
        for line in paragraph.rstrip("\n").split("\n"):
            match = re.match(r"([A-Z]\w+):(\t+(.+))?$", line)
            if match:
                tag = match.group(1)
                entry[tag] = match.group(3) or ""
            elif line.startswith("\t\t") and tag == "Description":
                entry[tag] = f"{entry[tag]} {line.strip()}".strip()
            else:
                tap.check("document_line_is_well_formed", False, line)
        path = entry.get("What", "").removeprefix(CLASS)
        if list(entry) != TAGS or not all(entry.values()) or path in entries or "@" in entry["Contact"]:
            tap.check("document_entry_is_whole", False, paragraph)
        entries[path] = entry
    return entries


def in_guest_test():
    return {path: int(mode, 8) for path, mode in re.findall(r'^\t\{ "([\w/]+)", (0\d+) \},$', read("tests/guest/sysfs.c"), re.M)}


driver, document, test = in_driver(), in_document(), in_guest_test()
tap.check("driver_has_attributes", len(driver) > 20, driver)
tap.empty("made_but_not_documented", sorted(set(driver) - set(document)))
tap.empty("documented_but_not_made", sorted(set(document) - set(driver)))
tap.check("guest_test_expects_the_same", driver == test, sorted(set(driver.items()) ^ set(test.items())))
tap.empty("documents_who_writes", sorted(path for path, mode in driver.items() if path in document and
                                         (mode & 0o222 != 0) != ("ritten" in document[path]["Description"] and
                                                                 path.startswith("limits/"))))
tap.finish()
