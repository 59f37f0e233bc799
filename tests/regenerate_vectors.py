"""Write the golden vectors of tests/golden.py and of docs/stream-format.md anew: `python -m tests.regenerate_vectors`.

The values come from tests/reference.py: after a change of the format, change that first. To add a vector, add its
question (an expression or a plan in golden.py; a line `expression == 0` in a ```text block of the page's last section)
and run this; it takes about a minute. With `--page` the page alone is written.
"""

import ast
import re
import sys
from functools import cache
from pathlib import Path
from pprint import pformat

from tests import golden, reference

PAGE = Path(__file__).resolve().parents[1] / "docs" / "stream-format.md"
SECTION = "\n## 15. Test vectors\n"

# The reference's functions, by the names of the page.
NAMES = {
    "hash": reference.hash_word,
    "key": reference.key,
    "below": reference.below,
    "radices": reference.radices,
    "rounds": reference.rounds,
    "permute": lambda n, key, places: [reference.permute(n, key, x) for x in places],
    "A": reference.time_multiplier,
    "u": lambda T, B: reference.slot_multiplier(T, B) % B,
    "draws": reference.apportion,
    "starts": reference.line_starts,
    "power": lambda q, sizes: reference.power_shares(sizes, q),
    "effective_number": lambda beta, sizes: reference.effective_number_shares(sizes, beta),
    "label_key": reference.label_key,
    "chain": reference.chain,
    "cycle_length": reference.cycle_length,
    "halve": lambda seats, first, length, x: reference.first_part(range(len(seats)), seats, length, first, x),
    "chapters": lambda T, U: [k * T // U for k in range(U + 1)],
    "ratio": reference.ratio,
    "weighted": reference.weighted,
    "stages": reference.stages,
    "Tree": reference.Tree,
    "ClassIndex": reference.ClassIndex,
    "state": lambda plan, seed, epoch, step: plan.state(seed, epoch, step),
    "sha256": golden.sha256,
}


class AllBut:
    """The items 0 .. count - 1 without every stride-th, as a list that takes no memory."""

    def __init__(self, stride, count):
        self.stride, self.count = stride, count

    def __len__(self):
        return self.count - len(range(0, self.count, self.stride))

    def __getitem__(self, place):
        if place >= len(self):
            raise IndexError(place)
        return place + place // (self.stride - 1) + 1


@cache
def plan(name):
    """The reference's plan of that name."""
    return made(*golden.PLANS[name], plan)


def made(function, arguments, plan=None):
    """The reference's plan of a call in the words of golden.py; `plan` makes the stages of one by their names."""
    if function == "stages":
        return reference.stages({first: plan(name) for first, name in arguments.items()})
    if function == "weighted":
        return reference.weighted(**arguments)
    arguments = dict(arguments)
    if "columns" in arguments:
        return reference.ratio(reference.Tree(*arguments.pop("columns")), **arguments)
    if "lengths" in arguments:
        return reference.ratio(reference.ClassIndex.of_lengths(arguments.pop("lengths")), **arguments)
    if isinstance(arguments["labels"], list):
        return reference.ratio(**arguments)
    _, stride, count = arguments.pop("labels")
    members = [AllBut(stride, count), range(0, count, stride)]
    return reference.ratio_of_classes([False, True], members, count, **arguments)


def vectors():
    return {name: golden.answer(name, NAMES, plan) for name in golden.wanted()}


def written(value, indent):
    """A literal on lines of at most 120 characters."""
    return pformat(value, width=116 - indent, compact=True).replace("\n", "\n" + " " * indent)


def write_golden(values):
    path = Path(golden.__file__)
    lines = []
    for name, value in values.items():
        literal = repr(value)
        if len(name) + len(literal) > 108:
            literal = written(value, 8)
            lines.append(f"    {quoted(name)}:\n        {literal},\n")
        else:
            lines.append(f"    {quoted(name)}: {literal},\n")
    head, _, rest = path.read_text().partition("VECTORS = {\n")
    _, _, tail = rest.partition("}\n# fmt: on\n")
    path.write_text(head + "VECTORS = {\n" + "".join(lines) + "}\n# fmt: on\n" + tail)


def quoted(name):
    return '"' + name + '"'


def page_lines(text):
    """(start, end, statement) of every line of the blocks in the page's last section, in order."""
    offset = text.index(SECTION)
    for block in re.finditer(r"^```text\n(.*?)^```$", text[offset:], re.MULTILINE | re.DOTALL):
        code = block[1]
        starts = [0]
        for line in code.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        for node in ast.parse(code).body:
            first = starts[node.lineno - 1] + node.col_offset
            last = starts[node.end_lineno - 1] + node.end_col_offset
            yield offset + block.start(1) + first, offset + block.start(1) + last, node


def page_vectors(text, names):
    """(start, end, expression, value, shown) of every `expression == literal` of the page, with these functions.

    Lines `name = expression` define a name for those that follow.
    """
    names = dict(names)
    for start, end, node in page_lines(text):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                names[name] = eval(ast.unparse(value), names)
            case ast.Expr(value=ast.Compare(left=left, ops=[ast.Eq()], comparators=[shown])):
                expression = ast.get_source_segment(text[start:end], ast.parse(text[start:end]).body[0].value.left)
                yield start, end, expression, golden.plain(eval(ast.unparse(left), names)), ast.literal_eval(shown)
            case _:
                raise ValueError(f"neither a definition nor a vector: {text[start:end]}")


def write_page():
    text = PAGE.read_text()
    for start, end, expression, value, _ in reversed(list(page_vectors(text, NAMES))):
        literal = repr(value)
        if len(expression) + len(literal) > 114:
            literal = "\\\n    " + written(value, 4)
        text = f"{text[:start]}{expression} == {literal}{text[end:]}"
    PAGE.write_text(text)


if __name__ == "__main__":
    write_page()
    if "--page" not in sys.argv:
        write_golden(vectors())
