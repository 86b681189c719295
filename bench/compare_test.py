#!/usr/bin/env python3
"""compare, driven with engines that only pretend: their speeds are written in a file."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BENCH_DIR = Path(__file__).resolve().parent

# Prints the row that was asked for, and one more for another work. The speeds of its calls come
# from speeds.json beside it, by flash attention; every call is written down in calls.txt.
FAKE_ENGINE = f"""#!{sys.executable}
import json, sys
from pathlib import Path
here = Path(__file__).resolve().parent
name = Path(__file__).name
flags = sys.argv[2:] if sys.argv[1] == "bench" else sys.argv[1:]
flags = dict(zip(flags[::2], flags[1::2]))
with open(here / "calls.txt", "a") as calls:
    calls.write(name + " " + flags.get("-fa", "-") + "\\n")
speeds = json.loads((here / "speeds.json").read_text())
if name not in speeds:
    print("first line\\nthe engine broke", file=sys.stderr)
    sys.exit(3)
done = (here / "calls.txt").read_text().split("\\n").count(name + " " + flags.get("-fa", "-"))
samples = speeds[name][flags.get("-fa", "-")][done - 1]
row = dict(n_prompt=int(flags["-p"]), n_gen=int(flags["-n"]), n_depth=int(flags["-d"]),
           n_threads=int(flags["-t"]), model_type="fake 1B", avg_ts=1.0, samples_ts=samples)
if name == "millrace":
    row |= dict(gb_per_s=12.34, bandwidth_percent=56.7)
if name != "llama-bench":
    row |= dict(token_p50_us=100.0, token_p99_us=150.0)
other = row | dict(n_prompt=7, n_gen=7, samples_ts=[1e9])
print(json.dumps([other, row]))
"""


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "model.gguf").touch()
        for name in ("llama-bench", "millrace", "token-times"):
            (self.folder / name).write_text(FAKE_ENGINE)
            (self.folder / name).chmod(0o755)

    def run_compare(self, speeds, *flags):
        (self.folder / "speeds.json").write_text(json.dumps(speeds))
        return subprocess.run(
            [sys.executable, str(BENCH_DIR / "compare"), "-m", str(self.folder / "model.gguf"),
             "--llama-bench", str(self.folder / "llama-bench"),
             "--millrace", str(self.folder / "millrace"), *flags],
            capture_output=True, text=True, check=False)

    def cells(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
        names, _, values = ([cell.strip() for cell in line.strip("|").split("|")]
                            for line in lines)
        return dict(zip(names, values))

    def calls(self):
        return (self.folder / "calls.txt").read_text().split("\n")[:-1]

    def test_the_ratio_is_the_median_of_the_rounds(self):
        speeds = {"llama-bench": {"auto": [[100.0], [10.0], [200.0]]},
                  "millrace": {"-": [[300.0], [40.0], [400.0]]}}
        row = self.cells(self.run_compare(speeds, "-w", "tg128", "--rounds", "3"))
        self.assertEqual(row["ratio"], "3.00 (2.00-4.00)")
        self.assertEqual(row["llama.cpp tok/s"], "100")
        self.assertEqual(row["millrace tok/s"], "300")

    def test_the_median_is_over_the_repetitions_of_all_rounds(self):
        speeds = {"llama-bench": {"auto": [[1.0, 5.0, 6.0], [7.0, 8.0, 9.0]]},
                  "millrace": {"-": [[1.0], [1.0]]}}
        row = self.cells(self.run_compare(speeds, "-w", "tg128", "--rounds", "2"))
        self.assertEqual(row["llama.cpp tok/s"], "6.5")

    def test_the_engines_take_turns(self):
        speeds = {"llama-bench": {"auto": [[1.0], [1.0]]}, "millrace": {"-": [[1.0], [1.0]]}}
        self.cells(self.run_compare(speeds, "-w", "pp512", "--rounds", "2"))
        self.assertEqual(self.calls(), ["llama-bench auto", "millrace -"] * 2)

    def test_at_a_depth_the_better_flash_attention_counts(self):
        speeds = {"llama-bench": {"0": [[50.0]], "1": [[80.0]]}, "millrace": {"-": [[160.0]]}}
        row = self.cells(self.run_compare(speeds, "-w", "tg32 @ d960", "--rounds", "1"))
        self.assertEqual(row["work"], "tg32@d960 (fa 1)")
        self.assertEqual(row["ratio"], "2.00 (2.00-2.00)")

    def test_token_times_come_from_the_program_that_measures_them(self):
        speeds = {"llama-bench": {"auto": [[1.0]]}, "token-times": {"auto": [[1.0]]},
                  "millrace": {"-": [[1.0]]}}
        row = self.cells(self.run_compare(speeds, "-w", "tg128", "--rounds", "1", "--token-times",
                                          str(self.folder / "token-times")))
        self.assertEqual(row["llama.cpp p50 / p99 µs"], "100 / 150 (1.50)")

    def test_what_no_engine_prints_is_a_dash(self):
        speeds = {"llama-bench": {"auto": [[1.0]]}, "millrace": {"-": [[1.0]]}}
        row = self.cells(self.run_compare(speeds, "-w", "tg128", "--rounds", "1"))
        self.assertEqual(row["llama.cpp p50 / p99 µs"], "-")
        self.assertEqual(row["GB/s"], "12.3")
        self.assertEqual(row["% of bandwidth"], "57")

    def test_a_failing_engine_is_one_line_and_exit_1(self):
        done = self.run_compare({"llama-bench": {"auto": [[1.0]]}}, "-w", "tg128", "--rounds", "1")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr,
                         r"\Acompare: .*millrace bench .*: exit 3: the engine broke\n\Z")

    def test_a_missing_model_is_one_line_and_exit_1(self):
        (self.folder / "model.gguf").unlink()
        done = self.run_compare({})
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Acompare: .*model\.gguf: no such file\n\Z")

    def test_a_work_that_is_none_is_exit_2(self):
        self.assertEqual(self.run_compare({}, "-w", "tg0").returncode, 2)


if __name__ == "__main__":
    unittest.main()
