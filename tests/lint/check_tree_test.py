"""The scanner of the tree, on trees with planted violations and on clean ones."""

import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import check_tree  # noqa: E402
from cpp_functions import functions  # noqa: E402


class PlantedViolations(unittest.TestCase):
    def findings(self, files):
        """What the scanner says of a tree of these files, under the project's own table of edges."""
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = os.path.join(root, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            return [f"{f.file}:{f.line}: {f.message}"
                    for f in check_tree.scan(root, os.path.join(ROOT, "scripts", "edges.txt"))]

    def assert_one(self, files, *words):
        found = self.findings(files)
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_clean_file_is_clean(self):
        self.assertEqual(self.findings({
            "coordinator/engine/plan.h": "#pragma once\n#include <vector>\n"
            '#include "absl/time/time.h"\n#include "common/base/text.h"\n'}), [])

    def test_engine_may_not_use_threads_clocks_or_randomness(self):
        for header in ("thread", "mutex", "chrono", "random", "absl/synchronization/mutex.h",
                       "absl/time/clock.h", "fstream"):
            self.assert_one({"coordinator/engine/a.cc": f"int a;\n#include <{header}>\n"},
                            "coordinator/engine/a.cc:2:", "pure", header)

    def test_scheduler_may_not_use_grpc_or_protobuf(self):
        self.assert_one({"coordinator/scheduler/a.cc": "#include <grpcpp/server.h>\n"}, "grpc")
        self.assert_one({"coordinator/scheduler/a.cc": '#include "moa/v1/job.pb.h"\n'}, "proto")

    def test_pure_code_may_not_ask_for_the_time(self):
        self.assert_one({"coordinator/engine/a.cc": "auto t = absl::Now();\n"}, "told the time")

    def test_programs_may_not_include_each_other(self):
        self.assert_one({"worker/rpc/a.cc": '#include "coordinator/engine/plan.h"\n'}, "worker/rpc may not")
        self.assert_one({"coordinator/rpc/a.cc": '#include "worker/upstream/completion.h"\n'}, "may not")
        self.assert_one({"client/lib/a.cc": '#include "coordinator/engine/plan.h"\n'}, "may not")
        self.assert_one({"common/base/a.cc": '#include "common/loop/loop.h"\n'}, "may not")

    def test_cluster_tests_know_the_programs_by_their_command_lines_only(self):
        self.assert_one({"tests/cluster/a.cc": '#include "worker/upstream/completion.h"\n'}, "may not")

    def test_protobuf_stays_where_messages_are_converted(self):
        self.assert_one({"coordinator/runtime/a.cc": '#include "moa/v1/job.pb.h"\n'}, "proto")
        self.assertEqual(self.findings({"coordinator/convert/a.cc": '#include "moa/v1/job.pb.h"\n'}), [])

    def test_folder_without_a_rule_may_include_nothing(self):
        self.assert_one({"elsewhere/a.cc": "#include <curl/curl.h>\n"}, "may not use curl")

    def test_second_file_with_cli11_is_found(self):
        self.assert_one({"client/moactl/a.cc": "#include <CLI/CLI.hpp>\n",
                         "client/moactl/b.cc": "#include <CLI/CLI.hpp>\n"}, "client/moactl/b.cc", "CLI11")

    def test_long_files_functions_and_headers_are_found(self):
        self.assert_one({"worker/a.cc": "int a;\n" * 601}, "file of 601 lines")
        body = "void F() {\n" + "  g();\n" * 70 + "}\n"
        self.assert_one({"worker/a.cc": body}, "worker/a.cc:1:", "function of 72 lines")
        self.assert_one({"worker/a.h": "#pragma once\n" + "int a();\n" * 250}, "header of 251 lines")

    def test_header_without_guard_is_found(self):
        self.assert_one({"worker/a.h": "int a();\n"}, "#pragma once")

    def test_banned_types_are_found_outside_strings_and_comments(self):
        self.assert_one({"worker/a.cc": "absl::Mutex m;\n"}, "moa::Mutex")
        self.assertEqual(self.findings({"worker/a.cc": 'f("absl::Mutex");  // absl::Mutex\n'}), [])

    def test_words_of_unfinished_work_and_registries_are_found_in_any_text(self):
        self.assert_one({"docs/a.md": "x\nTO" "DO: write\n"}, "docs/a.md:2:")
        self.assert_one({"tests/web/package.json": '"https://registry.' 'npmjs.org"\n'}, "host name")


class Functions(unittest.TestCase):
    def test_measures_functions_in_namespaces_and_classes(self):
        text = ("namespace a {\nclass B : public C {\n public:\n  int F() {\n    return 1;\n  }\n};\n"
                "B::B(int x)\n    : x_{x},\n      y_(0) {\n  for (;;) {\n  }\n}\n}  // namespace a\n")
        lengths = dict(functions(text))
        self.assertEqual(lengths[4], 3)
        self.assertIn(5, [length for start, length in functions(text) if start >= 8])

    def test_braces_in_strings_comments_and_macros_do_not_count(self):
        text = ('#define M(x) \\\n  do { x\nvoid F() {\n  f("}");  // }\n  g(R"({{{)");\n  h(\'{\');\n'
                "  int n = 1'000;\n}\nvoid G() {\n}\n")
        self.assertEqual(list(functions(text)), [(3, 6), (9, 2)])

    def test_tables_of_values_are_no_functions(self):
        self.assertEqual(list(functions("const T k[] = {\n  {f(1)},\n  {f(2)},\n};\n")), [])


class Edges(unittest.TestCase):
    def test_every_folder_with_code_has_a_rule(self):
        edges = check_tree.read_edges(os.path.join(ROOT, "scripts", "edges.txt"))
        for name in check_tree.tracked_files(ROOT):
            if name.endswith((".h", ".cc")):
                self.assertIsNotNone(check_tree.rule_for(name, edges), name)


if __name__ == "__main__":
    unittest.main()
