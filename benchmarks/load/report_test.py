"""python3 -m unittest discover -s benchmarks/load -p '*_test.py'"""

import pathlib
import tempfile
import unittest

import report
from measure import CoreTimes, Reading, Sample, sample_between
from proxies import MODES, PAIR_MUX, PEERS, PLAIN, SIDES, template_of
from run import broken_bounds, parse
from topology import BenchError


def sample(cpu: float, foreign: float = 0.0) -> Sample:
    return Sample(
        cpu_us_per_request=cpu,
        requests_per_second=1000,
        requests=1000,
        core_share=0.9,
        softirq_share=0.0,
        foreign_share=foreign,
        stolen_share=0.0,
        p50_us=1000,
        p99_us=2000,
        rss_idle_kib=1024,
        rss_loaded_kib=2048,
        pss_idle_kib=512,
        pss_loaded_kib=1024,
    )


def reading(at: float, requests: int, cpu: dict, busy: float = 0.0, softirq_ns: int = 0) -> Reading:
    return Reading(at, requests, cpu, CoreTimes(busy, 0.0), softirq_ns)


def results(
    rows: dict, absent: dict | None = None, failed: dict | None = None, mode: str = PLAIN
) -> report.Results:
    environment = {
        "mode": "quick",
        "date": "2000-01-02T03:04:05+00:00",
        "commit": "c0ffee" * 6,
        "build_type": "Release",
        "version": {},
        "commands": {"origin": "bench_origin"},
    }
    return report.Results({mode: rows}, absent or {}, failed or {}, {}, environment)


class Ratios(unittest.TestCase):
    def test_a_ratio_is_paired_by_round_before_the_median_is_taken(self):
        # The machine was twice as slow in the second round: the ratio of medians would be 1.5.
        ours, base = [sample(20), sample(40), sample(20)], [sample(10), sample(20), sample(40)]
        self.assertEqual(report.paired_ratio(ours, base)["median"], 2.0)

    def test_a_round_that_failed_for_either_is_left_out(self):
        ours, base = [sample(20), None, sample(30)], [sample(10), sample(10), None]
        self.assertEqual(report.paired_ratio(ours, base), report.spread([2.0]))

    def test_no_common_round_is_no_ratio(self):
        self.assertIsNone(report.paired_ratio([sample(20), None], [None, sample(20)]))

    def test_spread_states_extremes_and_quartiles(self):
        self.assertEqual(
            report.spread([5.0, 1.0, 3.0, 2.0, 4.0]),
            {"median": 3.0, "min": 1.0, "max": 5.0, "q1": 2.0, "q3": 4.0, "rounds": 5},
        )


class Windows(unittest.TestCase):
    def test_cpu_of_all_threads_is_divided_by_the_requests_of_the_window(self):
        first = reading(10.0, 1000, {(1, 1): 5_000_000, (2, 2): 0}, busy=3.0)
        last = reading(
            12.0, 3000, {(1, 1): 25_000_000, (2, 2): 10_000_000, (2, 3): 10_000_000}, busy=3.5
        )
        window = sample_between(first, last)
        self.assertAlmostEqual(window.cpu_us_per_request, 20.0)  # 40 ms over 2000 requests
        self.assertAlmostEqual(window.requests_per_second, 1000.0)
        self.assertAlmostEqual(window.core_share, 0.02)
        self.assertAlmostEqual(window.foreign_share, 0.23)

    def test_a_thread_that_ends_inside_the_window_invalidates_it(self):
        with self.assertRaisesRegex(BenchError, "threads ended"):
            sample_between(reading(0, 0, {(1, 1): 0, (1, 2): 5}), reading(1, 10, {(1, 1): 9}))

    def test_a_window_without_requests_is_an_error(self):
        with self.assertRaisesRegex(BenchError, "answered nothing"):
            sample_between(reading(0, 7, {(1, 1): 0}), reading(1, 7, {(1, 1): 9}))


class Reports(unittest.TestCase):
    def test_the_main_ratios_stand_at_the_top_with_their_spread(self):
        found = report.to_object(
            results({"floor": [sample(10), sample(10)], "epaulet": [sample(12), sample(14)]})
        )
        self.assertEqual(found["plain_over_floor"]["median"], 1.3)
        self.assertEqual(
            (found["plain_over_floor"]["min"], found["plain_over_floor"]["max"]), (1.2, 1.4)
        )
        self.assertIsNone(found["plain_over_haproxy"])

    def test_a_pair_that_shares_connections_has_a_ratio_of_its_own_name(self):
        found = report.to_object(
            results({"haproxy": [sample(10)], "epaulet": [sample(7)]}, mode=PAIR_MUX)
        )
        self.assertEqual(found["pair_multiplexed_over_haproxy"]["median"], 0.7)
        self.assertNotIn("pair_mux_over_haproxy", found)

    def test_an_absent_peer_keeps_its_row(self):
        found = report.to_object(
            results({"floor": [sample(10)]}, absent={"nginx": "no nginx here"})
        )
        self.assertIn("absent: no nginx here", report.table(found))

    def test_a_failed_peer_keeps_its_row_and_its_reason(self):
        found = report.to_object(
            results(
                {"floor": [sample(10)], "epaulet": [None]},
                failed={(PLAIN, "epaulet"): "status 503"},
            )
        )
        self.assertIn("failed: status 503", report.table(found))
        self.assertIsNone(found["plain_over_floor"])

    def test_rounds_disturbed_by_others_are_counted_and_said(self):
        found = report.to_object(results({"floor": [sample(10), sample(10, foreign=0.2)]}))
        self.assertEqual(found["rows"][PLAIN]["floor"]["noisy_rounds"], 1)
        self.assertIn("NOISY: in 1 of 2", report.table(found))

    def test_a_debug_build_is_said(self):
        quiet = results({"epaulet": [sample(10)]})
        quiet.environment |= {"version": {"epaulet": "1"}, "build_type": "Debug"}
        self.assertIn("NOT A RELEASE BUILD", report.table(report.to_object(quiet)))

    def test_a_second_run_of_a_day_does_not_overwrite_the_first(self):
        found = report.to_object(results({"floor": [sample(10)], "epaulet": [sample(12)]}))
        with tempfile.TemporaryDirectory() as directory:
            first = report.save(found, {"x.cfg": "text"}, pathlib.Path(directory))
            second = report.save(found, {}, pathlib.Path(directory))
            self.assertEqual(
                [path.name for path in first + second],
                [
                    "2000-01-02-c0ffeec0ff-quick.json",
                    "2000-01-02-c0ffeec0ff-quick.md",
                    "2000-01-02-c0ffeec0ff-quick-2.json",
                    "2000-01-02-c0ffeec0ff-quick-2.md",
                ],
            )
            self.assertIn("### x.cfg", first[1].read_text())


class Bounds(unittest.TestCase):
    def test_a_ratio_above_its_bound_or_not_measured_is_named(self):
        summary = {"plain_over_floor": {"median": 1.6}, "plain_over_nginx": None}
        self.assertEqual(broken_bounds(summary, [("plain_over_floor", 1.6)]), [])
        self.assertEqual(
            broken_bounds(summary, [("plain_over_floor", 1.5), ("plain_over_nginx", 9)]),
            ["plain_over_floor: 1.600, allowed 1.5", "plain_over_nginx: not measured"],
        )


class Arguments(unittest.TestCase):
    def test_peers_are_taken_in_their_own_order(self):
        self.assertEqual(
            parse(["quick", "--bin", "b", "--peers", "nginx,floor"]).peers, ["floor", "nginx"]
        )

    def test_every_peer_has_its_configuration_for_every_side(self):
        for peer in PEERS:
            for mode in MODES:
                for side in SIDES[mode]:
                    path = template_of(peer, side)
                    self.assertTrue(path is None or path.is_file(), path)


if __name__ == "__main__":
    unittest.main()
