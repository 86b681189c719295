// `millrace bench`: rows, columns and formats. How fast it is belongs to no test.
#include <nlohmann/json.hpp>

#include <sstream>

#include "program.h"

namespace millrace {
namespace {

const std::string kModel = Vector("llama-Q8_0.gguf");

std::string Bench(const std::string& format) {
  const Outcome outcome = Millrace({"bench", "-m", kModel, "-p", "16,32", "-n", "4", "-d", "0,8",
                                    "-t", "1,2", "-r", "2", "-o", format});
  ExpectSuccess(outcome);
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

// threads, prompt, generated, depth of every row that Bench() gives, in order.
using Work = std::vector<int>;
const std::vector<Work> kRows = {{1, 16, 0, 0}, {1, 32, 0, 0}, {1, 0, 4, 0},  {1, 16, 0, 8},
                                 {1, 32, 0, 8}, {1, 0, 4, 8},  {2, 16, 0, 0}, {2, 32, 0, 0},
                                 {2, 0, 4, 0},  {2, 16, 0, 8}, {2, 32, 0, 8}, {2, 0, 4, 8}};

void ExpectRow(const nlohmann::json& row, const Work& work) {
  EXPECT_EQ(row["n_threads"], work[0]);
  EXPECT_EQ(row["n_prompt"], work[1]);
  EXPECT_EQ(row["n_gen"], work[2]);
  EXPECT_EQ(row["n_depth"], work[3]);
  EXPECT_EQ(row["model_filename"], kModel);
  EXPECT_EQ(row["model_n_params"], 1377536);
  EXPECT_EQ(row["model_size"], 1467392);
  EXPECT_EQ(row["backends"], "host");
  EXPECT_EQ(row["type_k"], "f16");
  ASSERT_EQ(row["samples_ns"].size(), 2u);
  ASSERT_EQ(row["samples_ts"].size(), 2u);
  EXPECT_GT(row["avg_ts"].get<double>(), 0);
  EXPECT_NEAR(row["avg_ts"].get<double>(),
              (row["samples_ts"][0].get<double>() + row["samples_ts"][1].get<double>()) / 2,
              1e-9 * row["avg_ts"].get<double>());
  EXPECT_GT(row["median_ts"].get<double>(), 0);
  EXPECT_GE(row["stddev_ts"].get<double>(), 0);
  EXPECT_GT(row["multiply_adds_per_token"].get<double>(), 1e6);
  EXPECT_EQ(row.contains("bytes_per_token"), work[2] > 0);
  if (work[2] == 0) return;
  EXPECT_GT(row["bytes_per_token"].get<double>(), 1e6);
  EXPECT_GT(row["gb_per_s"].get<double>(), 0);
  EXPECT_LE(row["token_p50_us"].get<double>(), row["token_p99_us"].get<double>());
  EXPECT_LE(row["token_p99_us"].get<double>(), row["token_max_us"].get<double>());
}

TEST(Bench, JsonIsAnArrayWithARowForEveryCombination) {
  const auto rows = nlohmann::json::parse(Bench("json"));
  ASSERT_EQ(rows.size(), kRows.size());
  for (std::size_t i = 0; i < kRows.size(); ++i) ExpectRow(rows[i], kRows[i]);
}

TEST(Bench, JsonlIsARowALine) {
  const std::vector<std::string> lines = Lines(Bench("jsonl"));
  ASSERT_EQ(lines.size(), kRows.size());
  for (std::size_t i = 0; i < kRows.size(); ++i)
    ExpectRow(nlohmann::json::parse(lines[i]), kRows[i]);
}

std::vector<std::string> Cells(const std::string& line, char separator) {
  std::vector<std::string> cells;
  std::istringstream stream(line);
  for (std::string cell; std::getline(stream, cell, separator);) {
    const std::size_t begin = std::min(cell.find_first_not_of(' '), cell.size());
    cells.push_back(cell.substr(begin, cell.find_last_not_of(' ') + 1 - begin));
  }
  return cells;
}

TEST(Bench, CsvHoldsTheNumbersOfTheJson) {
  const std::vector<std::string> lines = Lines(Bench("csv"));
  ASSERT_EQ(lines.size(), 1 + kRows.size());
  const std::vector<std::string> columns = Cells(lines[0], ',');
  for (const char* name : {"n_threads", "n_prompt", "n_gen", "n_depth", "avg_ts", "stddev_ts",
                           "gb_per_s", "bandwidth_percent", "token_p99_us"}) {
    EXPECT_THAT(columns, testing::Contains(name));
  }
  const auto column = [&](const char* name) {
    return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), name) -
                                    columns.begin());
  };
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    const std::vector<std::string> cells = Cells(lines[1 + i] + ",.", ',');
    ASSERT_EQ(cells.size(), columns.size() + 1) << lines[1 + i];
    EXPECT_EQ(cells[column("n_threads")], std::to_string(kRows[i][0]));
    EXPECT_EQ(cells[column("n_prompt")], std::to_string(kRows[i][1]));
    EXPECT_EQ(cells[column("n_gen")], std::to_string(kRows[i][2]));
    EXPECT_GT(std::stod(cells[column("avg_ts")]), 0);
  }
}

TEST(Bench, MarkdownHasTheColumnsOfLlamaBenchAndMore) {
  const std::vector<std::string> lines = Lines(Bench("md"));
  ASSERT_EQ(lines.size(), 2 + kRows.size());
  const std::vector<std::string> columns = Cells(lines[0], '|');
  EXPECT_THAT(columns,
              testing::ElementsAre("", "model", "size", "params", "backend", "threads", "test",
                                   "t/s", "GB/s", "of bandwidth", "p50 us", "p99 us", "max us"));
  for (const std::string& line : lines) EXPECT_EQ(Cells(line, '|').size(), columns.size()) << line;
  EXPECT_THAT(Cells(lines[2], '|')[6], "pp16");
  EXPECT_THAT(Cells(lines[4], '|')[6], "tg4");
  EXPECT_THAT(Cells(lines[7], '|')[6], "tg4 @ d8");
  EXPECT_THAT(Cells(lines[4], '|')[7], testing::MatchesRegex("[0-9.]+ ± [0-9.]+"));
}

TEST(Bench, ListsMayBeRepeatedOrSpaced) {
  const Outcome outcome = Millrace({"bench", "-m", kModel, "-p", "1", "-p", "2 3", "-n", "0", "-r",
                                    "1", "-t", "1", "-o", "json"});
  ExpectSuccess(outcome);
  const auto rows = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[2]["n_prompt"], 3);
}

TEST(Bench, DefaultsAreThoseOfLlamaBench) {
  const Outcome outcome = Millrace({"bench", "-m", kModel, "-r", "1", "-o", "json"});
  ExpectSuccess(outcome);
  const auto rows = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["n_prompt"], 512);
  EXPECT_EQ(rows[1]["n_gen"], 128);
}

TEST(Bench, MeasuresTheInterpreterToo) {
  const Outcome outcome = Millrace({"bench", "-m", kModel, "-p", "4", "-n", "2", "-r", "1", "-o",
                                    "json", "--on", "interpreter"});
  ExpectSuccess(outcome);
  EXPECT_EQ(nlohmann::json::parse(outcome.out)[0]["backends"], "interpreter");
}

}  // namespace
}  // namespace millrace
