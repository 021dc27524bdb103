#!/usr/bin/env python3
"""Which branches of the sources are taken, from what `llvm-cov export` says of a run of the tests.

  llvm-cov export ... | branches.py EXCEPTIONS

Prints a table of files. Fails if a branch is not taken that EXCEPTIONS does not have, and if it has
one that is taken, or that is not there any more.

A branch is one outcome, true or false, of one condition as it stands in the source: what && and ||
join counts by its parts, and RETURN_IF_ERROR and ASSIGN_OR_RETURN have the outcomes "an error"
(true) and "none". What the compiler adds for destructors and exceptions is none. By rule is left
out, and needs no exception,
  - ENSURE() and HOLDS(), with what is between their brackets: only a broken promise of our own code
    takes the other branch; and whether any was broken, where that is asked: AnyBroken(), and
    RETURN_IF_ERROR of Broken() and of JudgePromises();
  - what is decided when it is compiled: Without() of base/mutant.h and what stands behind it,
    `if constexpr`;
  - what the compiler writes: a comparison that is `= default`;
  - a switch without a default: that the cases are all, the compiler checks.

An exception that is taken by chance, as threads happen to meet, is one whether it is taken or not.
"""

import collections
import json
import os
import re
import sys

OUTCOMES = ("true", "false")
WITHOUT = re.compile(r"\bWithout\(")
PROMISE = re.compile(
    r"!?\b(?:(?:ENSURE|HOLDS|AnyBroken)\(|RETURN_IF_ERROR\((?=(?:Broken|JudgePromises)\(\)\)))"
)

# A branch as people find it: the file, its line as it stands there, the condition, the outcome.
Branch = collections.namedtuple("Branch", "file line condition outcome")


class Source:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.lines = file.read().split("\n")
        self.left_out = set()  # numbers of lines
        self.promises = list(self.find_promises())
        for number, line in enumerate(self.lines, 1):
            if re.search(r"\bif \(Without\(\S+\)\) {$", line):
                end = line[: len(line) - len(line.lstrip())] + "}"
                self.leave_out(number, lambda last, end=end: last.startswith(end))
            if re.search(r"\bif constexpr\b|= default;", line):
                self.left_out.add(number)

    def leave_out(self, first, is_last):
        last = first
        while not is_last(self.lines[last - 1]):
            last += 1
        self.left_out.update(range(first, last + 1))

    def find_promises(self):
        """Where each begins and ends: pairs of line and column, both from 1."""
        for first, line in enumerate(self.lines, 1):
            for promise in PROMISE.finditer(line):
                last, end, depth = first, promise.end(), 1
                while depth > 0:
                    if end == len(self.lines[last - 1]):
                        last, end = last + 1, 0
                        continue
                    depth += {"(": 1, ")": -1}.get(self.lines[last - 1][end], 0)
                    end += 1
                yield (first, promise.start() + 1), (last, end)

    def line(self, number):
        return self.lines[number - 1].strip()

    def text(self, region):
        first, begin, last, end = region
        lines = self.lines[first - 1 : last]
        lines[-1] = lines[-1][: end - 1]
        lines[0] = lines[0][begin - 1 :]
        text = " ".join(line.strip() for line in lines)
        return "another element" if text == ":" else text

    def counts(self, region):
        """Whether a condition there is one that counts."""
        before = self.lines[region[0] - 1][: region[1] - 1]
        if any(begin <= tuple(region[:2]) <= end for begin, end in self.promises):
            return False
        if region[0] in self.left_out or WITHOUT.search(self.text(region)):
            return False
        return not before.endswith("switch (") and not re.search(r"Without\(\S+\) && $", before)


def conditions_of(data, source):
    """Where -> [how often true, how often false]. All instances of a template are one condition."""
    found = [(branch[:4], branch) for branch in data["branches"]]
    for macro in data["expansions"]:
        found += [(macro["source_region"][:4], branch) for branch in macro["branches"]]
    conditions = collections.defaultdict(lambda: [0, 0])
    for region, branch in found:
        if source.counts(region):
            for outcome in (0, 1):
                conditions[tuple(region)][outcome] += branch[4 + outcome]
    return conditions


def read_exceptions(path):
    """Entries with empty lines between them: `FILE: LINE`, then `never true: CONDITION`, `by chance
    false: CONDITION`, ..., and then a reason. Gives those, and which of them are by chance."""
    with open(path, encoding="utf-8") as file:
        entries = re.sub(r"(?m)^#.*\n", "", file.read()).split("\n\n")
    exceptions = collections.Counter()
    chances = set()
    for entry in filter(None, (entry.strip("\n") for entry in entries)):
        lines = [line.strip() for line in entry.split("\n")]
        place = re.fullmatch(r"(\S+): (.+)", lines[0])
        told = [re.fullmatch(r"(never|by chance) (true|false): (.+)", line) for line in lines[1:]]
        count = len([line for line in told if line])
        if not place or count == 0 or not all(told[:count]) or count == len(told):
            sys.exit(f"{path}: not a line of a file, what is never so in it, and why:\n{entry}")
        for line in told[:count]:
            branch = Branch(place[1], place[2], line[3], line[2])
            exceptions[branch] += 1
            if line[1] == "by chance":
                chances.add(branch)
    return exceptions, chances


def show(branch, where=""):
    return f"{branch.file}{where}: {branch.line}\n  never {branch.outcome}: {branch.condition}"


def row(name, lines, all_lines, taken, branches, excepted):
    columns = f"{lines:6}/{all_lines:<6} {taken:6}/{branches:<6} {excepted or '':8}"
    print(f"{name:34} {columns}".rstrip())


def main():
    exceptions, chances = read_exceptions(sys.argv[1])
    missing = []
    totals = collections.defaultdict(lambda: [0, 0, 0, 0, 0])
    print(f"{'':34} {'lines':>13} {'branches':>13} {'excepted':>10}")
    for data in sorted(json.load(sys.stdin)["data"][0]["files"], key=lambda file: file["filename"]):
        file = os.path.relpath(data["filename"])
        source = Source(file)
        conditions = conditions_of(data, source)
        taken = excepted = 0
        for region, counts in sorted(conditions.items()):
            for outcome, count in zip(OUTCOMES, counts):
                branch = Branch(file, source.line(region[0]), source.text(region), outcome)
                is_excepted = exceptions[branch] > 0 and (count == 0 or branch in chances)
                exceptions[branch] -= is_excepted
                taken += count > 0
                excepted += is_excepted and count == 0
                if count == 0 and not is_excepted:
                    missing.append(show(branch, f":{region[0]}"))
        lines = data["summary"]["lines"]
        numbers = [lines["covered"], lines["count"], taken, 2 * len(conditions), excepted]
        row(file, *numbers)
        for total in (os.path.dirname(file), "all"):
            totals[total] = [sum(pair) for pair in zip(totals[total], numbers)]
    print()
    for name in sorted(totals, key=lambda name: (name == "all", name)):
        row(name, *totals[name])
    for branch in missing:
        print(f"\nnot taken, and not excepted:\n{branch}")
    stale = +exceptions
    for branch in stale.elements():
        print(f"\nexcepted, and taken or not there:\n{show(branch)}")
    if missing or stale:
        sys.exit(f"\n{len(missing)} branches are not taken, {stale.total()} exceptions do not hold")


if __name__ == "__main__":
    main()
