"""The example `examples/train_resnet_head.py`: a whole run, image files, and runs that are killed and continued.

Runs are subprocesses on several CPU devices. They share a compilation cache, since they compile the same programs.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "examples" / "train_resnet_head.py"
METHODS = ("natural shuffling", "weighted draws", "ratio(balanced)", "min_positives")

DEVICES, STEPS, BATCH_SIZE = 4, 30, 40
BACKBONE_STEPS, BETWEEN_CHECKPOINTS = 40, 10  # of --quick
QUICK = ("--quick", "--seeds", "1", "--steps", str(STEPS))


class Runs:
    """Starts the script, on `devices` CPU devices, in a folder of its own for each run."""

    def __init__(self, folder: Path):
        self.folder = folder

    def start(self, name: str, *options: str, devices: int = DEVICES) -> subprocess.Popen[str]:
        out = self.folder / name
        out.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
            "JAX_COMPILATION_CACHE_DIR": str(self.folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "PYTHONWARNINGS": "default",
        }
        command = [sys.executable, str(SCRIPT), *options, "--out", str(out), "--log-batches", str(out / "batches")]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, cwd=out, stdout=pipe, stderr=pipe, text=True)

    def finish(self, name: str, *options: str, devices: int = DEVICES) -> tuple[int, str, str]:
        with self.start(name, *options, devices=devices) as process:
            out, errors = process.communicate(timeout=240)
        return process.returncode, out, errors

    def kill(self, name: str, *options: str, after: int) -> None:
        """Start, and kill once so many more batches are logged."""
        before = len(self.batches(name))
        with self.start(name, *options) as process:
            while process.poll() is None and len(self.batches(name)) < before + after:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, "the run ended before it could be killed"

    def batches(self, name: str) -> list[dict]:
        path = self.folder / name / "batches"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def results(self, name: str) -> list[dict]:
        return json.loads((self.folder / name / "results.json").read_text())


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Runs:
    return Runs(tmp_path_factory.mktemp("resnet_head"))


@pytest.fixture(scope="module")
def whole(runs) -> str:
    """What an uninterrupted run printed; its files are under the name "whole"."""
    code, printed, errors = runs.finish("whole", *QUICK)
    assert code == 0, errors
    assert "Warning" not in errors
    return printed


@pytest.mark.slow
def test_table_and_picture(runs, whole):
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in whole.splitlines() if line.startswith("| ")]
    assert tuple(row[0] for row in rows[2:]) == METHODS
    assert (runs.folder / "whole" / "table.md").read_text() in whole
    assert (runs.folder / "whole" / "resnet_head.png").read_bytes().startswith(b"\x89PNG")
    by_method = {result["method"]: result for result in runs.results("whole")}
    for row in rows[2:]:
        result = by_method[row[0]]
        assert row[1] == f"{np.mean(result['recall']):.3f} ± 0.000"
        assert row[3] == f"{result['recall'][-1]:.3f} ± 0.000"
        assert row[4] == f"{result['unseen']:.1f} ± 0.0"


@pytest.mark.slow
def test_unseen_items_are_counted_from_what_was_drawn(runs, whole):
    for result in runs.results("whole"):
        items = sum(result["train_images"])
        steps = items // BATCH_SIZE
        assert steps * BATCH_SIZE == items  # the long tail fills whole batches
        drawn = [
            {item for device in batch["items"] for item in device}
            for batch in runs.batches("whole")
            if batch["training"] == f"{result['method']} seed 0"
        ]
        epochs = [set().union(*drawn[start : start + steps]) for start in range(0, STEPS, steps)]
        assert result["unseen"] == pytest.approx(np.mean([items - len(epoch) for epoch in epochs]))
        assert (result["unseen"] == 0) == (result["method"] == "natural shuffling")


@pytest.mark.slow
def test_every_device_holds_what_is_promised(runs, whole):
    sizes = runs.results("whole")[0]["train_images"]
    rarest = len(sizes) - 1
    devices: dict[str, list[Counter]] = {method: [] for method in METHODS}
    for batch in runs.batches("whole"):
        assert [len(labels) for labels in batch["labels"]] == [BATCH_SIZE // DEVICES] * DEVICES
        if batch["training"] != "backbone":
            devices[batch["training"].removesuffix(" seed 0")] += map(Counter, batch["labels"])
    assert all(len(counts) == STEPS * DEVICES for counts in devices.values())
    fair = BATCH_SIZE // DEVICES // len(sizes)
    assert all(counts[label] == fair for counts in devices["ratio(balanced)"] for label in range(len(sizes)))
    assert all(counts[rarest] == BATCH_SIZE // 10 // DEVICES for counts in devices["min_positives"])
    # The check can fail: nobody promises anything for the other two.
    assert any(counts[rarest] == 0 for counts in devices["natural shuffling"])
    assert len({counts[rarest] for counts in devices["weighted draws"]}) > 2


@pytest.fixture(scope="module")
def killed(runs) -> tuple[int, int, Path]:
    """A run killed in the backbone and in the third head: batches logged at either kill, and its checkpoint."""
    checkpoint = runs.folder / "killed" / "checkpoint"
    command = (*QUICK, "--checkpoint", str(checkpoint))
    in_the_backbone = BACKBONE_STEPS // 2 + 5
    runs.kill("killed", *command, after=in_the_backbone)
    first = len(runs.batches("killed"))
    runs.kill("killed", *command, after=BACKBONE_STEPS + 2 * STEPS + 15 - in_the_backbone)
    second = len(runs.batches("killed"))
    code, _, errors = runs.finish("killed", *command)
    assert code == 0, errors
    return first, second, checkpoint


@pytest.mark.slow
def test_a_killed_run_continues_with_the_batches_it_had_left(runs, whole, killed):
    first, second, _ = killed
    expected = runs.batches("whole")
    place = {(batch["training"], batch["step"]): number for number, batch in enumerate(expected)}
    logged = runs.batches("killed")
    at = [place[batch["training"], batch["step"]] for batch in logged]
    # Every process went on from its latest checkpoint, in order, and its batches and pixels are those of the whole run.
    for begin, end in ((0, first), (first, second), (second, len(at))):
        assert at[begin:end] == list(range(at[begin], at[begin] + end - begin))
    assert at[0] == 0
    for begin in (first, second):
        assert at[begin - 1] - 2 * BETWEEN_CHECKPOINTS < at[begin] <= at[begin - 1] + 1
    assert at[-1] == len(expected) - 1
    assert [expected[number] for number in at] == logged
    assert runs.results("killed") == runs.results("whole")  # digests of the weights included


@pytest.mark.slow
def test_a_checkpoint_of_another_run_is_refused(runs, killed):
    code, _, errors = runs.finish("refused", *QUICK, "--checkpoint", str(killed[2]), "--batch-size", "60")
    assert code == 1
    assert "backbone belongs to another run: it has stream '" in errors
    assert "batch_size 40, this run has stream '" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_image_files(runs):
    from PIL import Image

    folder = runs.folder / "images"
    rng = np.random.default_rng(0)
    for label, name in enumerate(("apple", "banana", "cherry", "damson")):
        (folder / name).mkdir(parents=True)
        (folder / name / "notes.txt").write_text("not an image")
        colour = np.array([(200, 30, 30), (220, 220, 40), (120, 0, 60), (60, 40, 140)][label])
        for number in range(48):
            pixels = np.clip(colour + rng.normal(0, 20, (12, 10, 3)), 0, 255).astype(np.uint8)
            suffix = ("png", "jpg", "gif")[number % 3]
            Image.fromarray(pixels).save(folder / name / f"{number}.{suffix}")
    options = (*QUICK, "--image-size", "8", "--batch-size", "10", "--focal")
    code, printed, errors = runs.finish("images out", "--images", str(folder), *options, devices=2)
    assert code == 0, errors
    assert "Warning" not in errors
    assert "backbone for apple, banana" in printed
    results = runs.results("images out")
    assert [result["classes"] for result in results] == [["cherry", "damson"]] * len(METHODS)
    assert results[0]["train_images"] == [29, 1]
    for batch in runs.batches("images out"):
        if batch["training"] == "ratio(balanced) seed 0":
            assert [sum(labels) for labels in batch["labels"]] in ([2, 3], [3, 2])


@pytest.fixture
def parts(monkeypatch):
    """The modules that need no framework, imported here."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    from resnet_head import data, options, report

    return data, options, report


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch-size", "42"], "`--batch-size` (=42) must be divisible by the 4 devices that jax sees."),
        (["--images", "nowhere"], "`--images` nowhere is not a folder."),
        (["--seeds", "0"], "argument --seeds: must be a positive integer, not '0'."),
        (["--steps", "many"], "argument --steps: must be a positive integer, not 'many'."),
    ],
)
def test_the_command_line_says_what_is_wrong(parts, capsys, arguments, message):
    _, options, _ = parts
    with pytest.raises(SystemExit):
        options.parse(arguments, "", devices=4)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("devices", "batch_size"), [(1, 40), (3, 42), (8, 40), (64, 64)])
def test_the_batch_is_whole_on_every_number_of_devices(parts, devices, batch_size):
    _, options, _ = parts
    assert options.parse([], "", devices).batch_size == batch_size


def test_what_is_wrong_with_image_files(parts, tmp_path):
    data, _, _ = parts
    with pytest.raises(ValueError, match=r"holds no image files in sub-folders; expected .*CLASS/IMAGE\.png"):
        data.folder(tmp_path, 8)
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"cannot decode .*1\.png"):
        data.folder(tmp_path, 8)
    labels = np.repeat(np.arange(3), 20)
    with pytest.raises(ValueError, match=r"has 3 classes \(a, b, c\), but 4 are the least"):
        data.halves(data.Images(np.zeros((60, 8, 8, 1), np.uint8), labels, ("a", "b", "c")))


@pytest.mark.parametrize("batch_size", [20, 32, 40, 48])
def test_the_split_and_its_long_tail(parts, batch_size):
    data, _, _ = parts
    images = data.digits()
    whole = data.split(images, [5, 6, 7, 8, 9], seed=1)
    together = np.concatenate((whole.train, whole.validation, whole.test))
    assert len(np.unique(together)) == len(together) == (images.labels >= 5).sum()
    tail = data.long_tailed(whole, 20, batch_size)
    sizes = np.bincount(tail.train_labels)
    assert (np.diff(sizes) < 0).all()
    assert sizes.sum() % batch_size == 0
    assert 17 < sizes[0] / sizes[-1] < 24
    assert set(tail.train) <= set(whole.train)
    for items, labels in ((tail.train, tail.train_labels), (tail.test, tail.test_labels)):
        assert (images.labels[items] == labels + 5).all()
    with pytest.raises(ValueError, match="too few images for a tail of 1:20 in batches of 400"):
        data.long_tailed(whole, 20, 400)
    few = data.Images(images.pixels[:7], np.zeros(7, np.int64), ("zero",))
    with pytest.raises(ValueError, match="class 'zero' has 7 images, but 8 are the least"):
        data.split(few, [0], seed=0)


def test_unseen_and_composition(parts):
    _, _, report = parts
    drawn = np.array([[0, 1], [1, 1], [2, 3], [0, 4], [0, 1]])  # epochs of two steps, and one step of a third
    assert report.unseen_per_epoch(drawn, 5) == ((5 - 2) + (5 - 4)) / 2 == 2.0
    assert report.composition(drawn, np.array([0, 0, 0, 1, 1])).tolist() == [[2, 0], [2, 0], [1, 1], [1, 1], [2, 0]]
