# SPDX-License-Identifier: MIT
"""The two contract headers as data, read by text: the compiler's view is checked elsewhere."""
import re


def read(root, name):
    with open(f"{root}/kernel/include/uapi/linux/{name}") as f:
        return f.read()


def uncomment(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def defines(text, prefix):
    """{name without prefix: value} of `#define PREFIXname number`."""
    found = re.findall(rf"^#define[ \t]+{prefix}(\w+)[ \t]+(0x[0-9a-fA-F]+|\d+)(?:ULL)?\b",
                       uncomment(text), re.M)
    return {name: int(value, 0) for name, value in found}


def x_list(text, macro):
    """Rows of `#define MACRO(X) \\ X(...) ...` as lists of their arguments."""
    body = re.search(rf"^#define {macro}\(X\)(.*?[^\\])\n", text, re.M | re.S)
    if not body:
        return []
    rows = re.findall(r"X\(((?:[^()\"]|\"(?:\\.|[^\"\\])*\")*)\)", body.group(1))
    return [[cell.strip() for cell in re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)",
                                               re.sub(r"\\\"", "'", row))]
            for row in rows]


def structs(text):
    """{struct: [members]} of every `struct name { ... };`."""
    found = {}
    for name, body in re.findall(r"^struct (\w+) \{(.*?)^\};", uncomment(text), re.M | re.S):
        found[name] = re.findall(r"(\w+)(?:\[\w+\])?;", body)
    return found
