# SPDX-License-Identifier: MIT
"""One transfer in the logs of all layers: finds its lines by its sequence number, and puts them into a page.

The page keeps its prose.  A line "<!-- tour: NAME -->" stands before each fenced block that is replaced.
"""

import re

TRACE = re.compile(r"^\s*(\S+)-(\d+)\s+\[(\d+)\]\s+(\S+)\s+(\d+\.\d+): (.*)$")
MARK = re.compile(r"(<!-- tour: (\w+) -->\n```[^\n]*\n)(.*?)(```\n)", re.S)
# ioctl commands, as the guest's trace prints them.
BUF_ALLOC, DMA_SUBMIT, DMA_WAIT = "cmd: d702,", "cmd: d709,", "cmd: d70a,"


class TourError(Exception):
    """A layer does not show the transfer."""


def trace_lines(text):
    """[(line as shown, what it says)] of the program's own lines."""
    found = []
    for line in text.splitlines():
        match = TRACE.match(line)
        if match and match[1].startswith("mmapdemo"):
            comm, pid, cpu, flags, time, said = match.groups()
            found.append((f"{comm}-{pid} [{cpu}] {flags}  {time}: {said}", said))
    return found


def first(lines, test, start, what):
    """Index of the first line from start on whose text passes."""
    for at in range(start, len(lines)):
        if test(lines[at][1]):
            return at
    raise TourError(f"the guest's trace has no {what}")


def guest_blocks(trace, seq):
    """What the driver did with transfer seq: {block: lines}."""
    lines = trace_lines(trace)
    submit = first(lines, lambda said: said.startswith("mmapdemo_dma_submit:") and f" seq={seq} " in said, 0, f"submit of seq {seq}")
    enter = max((at for at in range(submit) if DMA_SUBMIT in lines[at][1]), default=None)
    if enter is None:
        raise TourError("the guest's trace has no DMA_SUBMIT before the transfer")
    allocs, inside = [], False
    for line, said in lines[:enter]:
        if said.startswith("sys_ioctl("):
            inside = BUF_ALLOC in said
        if (inside and said.startswith("sys_ioctl")) or (allocs and said.startswith("mmapdemo_map:")):
            allocs.append(line)
    start = first(lines, lambda said: said.startswith("mmapdemo_dma_start:") and f" seq={seq} " in said, submit, f"start of seq {seq}")
    complete = first(lines, lambda said: said.startswith("mmapdemo_dma_complete:") and f" seq={seq} " in said, start, f"end of seq {seq}")
    irq = max((at for at in range(complete) if lines[at][1].startswith("irq_handler_entry:")), default=None)
    back = first(lines, lambda said: said.startswith("sys_ioctl ->"), start, "end of DMA_SUBMIT")
    wait = first(lines, lambda said: DMA_WAIT in said, back, "DMA_WAIT")
    done = first(lines, lambda said: said.startswith("sys_ioctl ->"), wait, "end of DMA_WAIT")
    if irq is None:
        raise TourError(f"the guest's trace has no interrupt before the end of seq {seq}")
    return {"allocs": allocs, "submit": [lines[at][0] for at in (enter, submit, start)],
            "interrupt": [lines[at][0] for at in (irq, complete)], "back": [lines[at][0] for at in (back, wait, done)]}


def device_blocks(log, seq):
    """What the device saw of it."""
    lines = [line for line in log.splitlines() if line.startswith("mmapdemo_")]
    start = next((at for at, line in enumerate(lines) if re.match(rf"mmapdemo_dma_start \S+ seq {seq} ", line)), None)
    finish = next((at for at, line in enumerate(lines) if re.match(rf"mmapdemo_dma_finish \S+ seq {seq} ", line)), None)
    if start is None or finish is None:
        raise TourError(f"QEMU's trace does not show the start and the end of seq {seq}")
    begin = max((at for at in range(start) if re.search(r"register_write .* DMA_ADDR = ", lines[at])), default=None)
    if begin is None:
        raise TourError("QEMU's trace has no write of DMA_ADDR before the transfer")
    sent = next((at for at in range(finish, len(lines)) if lines[at].startswith("mmapdemo_irq_send ")), None)
    if sent is None:
        raise TourError(f"QEMU's trace has no interrupt after seq {seq}")
    reads = []
    for line in lines[sent:]:
        if "register_read" in line and ("DMA_DONE_SEQ" in line or "DMA_STATUS" in line):
            reads.append(line)
        if len(reads) == 2:
            break
    else:
        raise TourError("QEMU's trace does not show the handler's two reads")
    return {"writes": [line for line in lines[begin:start] if "register_write" in line],
            "copy": [line for line in lines[start:finish + 1] if f" seq {seq} " in line] + [lines[sent]], "reads": reads}


def blocks(output, log):
    """All blocks of the page.  output: of the guest's command, log: QEMU's."""
    program = re.search(r"^seq=(\d+) to_device .*data right$", output, re.M)
    if not program:
        raise TourError("the program did not say that its transfer was right")
    seq = program[1]
    counts = re.findall(r"^ *\d+:.*mmapdemo0-dma$", output, re.M)
    if not counts:
        raise TourError("the guest shows no interrupt counts")
    return {"program": [program[0]], "counts": counts[-1:], **guest_blocks(output, seq), **device_blocks(log, seq)}


def fill(page, found):
    """The page with its blocks replaced, each of which must be there once."""
    wanted = set(found)

    def replace(match):
        name = match[2]
        if name not in wanted:
            raise TourError(f"the page has a block '{name}' that there is nothing for, or has it twice")
        wanted.remove(name)
        return match[1] + "".join(f"{line}\n" for line in found[name]) + match[4]

    filled = MARK.sub(replace, page)
    if wanted:
        raise TourError(f"the page has no block for: {', '.join(sorted(wanted))}")
    return filled
