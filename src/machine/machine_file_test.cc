#include "machine/machine_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "machine/chip_limits.h"
#include "machine/load_system.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string TextOf(std::string_view name) {
  for (const EmbeddedFile& file : BuiltInMachineFiles()) {
    if (file.name == name) return std::string(file.text);
  }
  return {};
}

// groq-v1.toml with one text in place of another.
std::string Altered(std::string_view from, std::string_view to) {
  std::string text = TextOf("groq-v1.toml");
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string ErrorOf(std::string_view text) {
  const auto machine = ParseMachineFile(text, "m.toml");
  return machine.ok() ? "no error" : machine.error().message;
}

TEST(MachineFile, FirstGenerationHasThePublishedParts) {
  const MachineFile machine = LoadMachineFile("groq-v1").value();
  const Chip& chip = machine.chip;
  EXPECT_EQ(chip.clock_hz, 900e6);
  EXPECT_EQ(chip.vector_bytes, 320);
  EXPECT_EQ(chip.streams, 32);
  EXPECT_EQ(chip.sram_bytes(), 220 << 20);
  EXPECT_EQ(chip.edge(), 23);  // 22 positions of two slices
  EXPECT_EQ(chip.install_bytes(), 4 * 16 * 320);
  EXPECT_EQ(machine.levels[0].latency_cycles, 650);  // 722 ns
}

TEST(MachineFile, ThirdGenerationAnswersToBothNames) {
  EXPECT_EQ(LoadMachineFile("lp30")->name, "lp30");
  EXPECT_EQ(LoadMachineFile("groq-lp30")->name, "lp30");
  const System system = LoadSystem("lp30x256").value();
  EXPECT_EQ(system.levels[0].latency_cycles, 513);  // 350 ns
  EXPECT_EQ(LinksNeeded(LoadMachineFile("lp30")->levels), 60 + 14 + 16 + 4);
}

TEST(MachineFile, EveryNumberSaysWhereItComesFrom) {
  for (const MachineFile& machine : BuiltInMachines()) {
    EXPECT_GE(machine.figures.size(), 30u);
    for (const Figure& figure : machine.figures) {
      const bool is_derived = figure.provenance == Provenance::kDerived;
      const bool is_assumed = figure.provenance == Provenance::kAssumed;
      EXPECT_EQ(figure.reason.empty(), !is_derived && !is_assumed) << figure.key;
      EXPECT_EQ(figure.sources.empty(), is_assumed) << figure.key;
    }
  }
}

TEST(MachineFile, SourcesThatAreListedAreUsed) {
  for (const MachineFile& machine : BuiltInMachines()) {
    std::map<std::string, int> uses;
    for (const Figure& figure : machine.figures) {
      for (const std::string& source : figure.sources) ++uses[source];
    }
    for (const PublishedTotal& total : machine.totals) {
      for (const std::string& source : total.sources) ++uses[source];
    }
    for (const auto& [source, text] : machine.sources) EXPECT_GT(uses[source], 0) << source;
  }
}

TEST(MachineFile, MessagesNameLineColumnFoundAndWanted) {
  EXPECT_EQ(ErrorOf(Altered("value = 32, published", "value = 320, published")),
            "m.toml:27:13: value: found 320, wanted a whole number from 8 to 255");
  EXPECT_THAT(ErrorOf(Altered("words = { value = 8192", "words = { value = 8193")),
              testing::MatchesRegex(
                  "m.toml:31:1: chip.mem.words: found 8193, wanted a multiple of banks, 2"));
  EXPECT_THAT(ErrorOf(""), StartsWith("m.toml:1:1: found no key name"));
  EXPECT_THAT(ErrorOf("name = "), StartsWith("m.toml:1:"));
}

TEST(MachineFile, UnknownKeysAndWrongUnitsAreErrors) {
  EXPECT_THAT(ErrorOf(Altered("clock_hz", "clock_mhz")), HasSubstr("found key 'clock_mhz'"));
  EXPECT_THAT(ErrorOf(Altered("latency_ns", "latency_us")), HasSubstr("found key 'latency_us'"));
  EXPECT_THAT(ErrorOf(Altered("[chip.sxm]", "[chip.sxm2]")), HasSubstr("found key 'sxm2'"));
  EXPECT_THAT(ErrorOf(Altered("[chip.sxm]\nlatency", "[chip.sxm]\nx = 1\nlatency")),
              HasSubstr("found key 'x'"));
  EXPECT_THAT(ErrorOf(Altered("title =", "titel =")), HasSubstr("found key 'titel'"));
}

TEST(MachineFile, ImpossibleNumbersAreErrors) {
  for (const char* value : {"-900e6", "nan", "inf", "'fast'", "1e30", "0", "{}"}) {
    EXPECT_THAT(ErrorOf(Altered("clock_hz = { value = 900e6",
                                fmt::format("clock_hz = {{ value = {}", value))),
                HasSubstr("value: found"))
        << value;
  }
  for (const char* value : {"-1", "0", "1.5", "1099511627776", "99999999999"}) {
    EXPECT_THAT(
        ErrorOf(Altered("count = { value = 1305", fmt::format("count = {{ value = {}", value))),
        HasSubstr("found " + std::string(value).substr(0, 3)))
        << value;
  }
  EXPECT_THAT(ErrorOf(Altered("count = { value = 1305", "count = { value = 1000000")),
              HasSubstr("at most 2^20 chips"));
}

TEST(MachineFile, NumbersWithoutProvenanceAreErrors) {
  EXPECT_THAT(ErrorOf(Altered("value = 900e6, published = [\"CARD\"]", "value = 900e6")),
              HasSubstr("without provenance"));
  EXPECT_THAT(ErrorOf(Altered("value = 900e6, published = [\"CARD\"]",
                              "value = 900e6, published = [\"CARD\"], assumed = \"so\"")),
              HasSubstr("found published beside it"));
  EXPECT_THAT(ErrorOf(Altered("published = [\"CARD\"]", "published = [\"NOBODY\"]")),
              HasSubstr("found 'NOBODY'"));
  EXPECT_THAT(ErrorOf(Altered("published = [\"CARD\"]", "published = []")),
              HasSubstr("found no source"));
  EXPECT_THAT(
      ErrorOf(Altered("value = 4, assumed = \"address", "value = 4, assumed = \"\", x = \"")),
      HasSubstr("found key 'x'"));
}

TEST(MachineFile, PartsThatDoNotFitTogetherAreErrors) {
  const std::pair<const char*, const char*> cases[][1] = {
      {{"install_streams = { value = 16", "install_streams = { value = 17"}},
      {{"per_hemisphere = { value = 44", "per_hemisphere = { value = 43"}},
      {{"rows = { value = 320", "rows = { value = 384"}},
      {{"columns = { value = 320", "columns = { value = 640"}},
      {{"superlane_bytes = { value = 16", "superlane_bytes = { value = 24"}},
      {{"count = { value = 16", "count = { value = 10"}},
      {{"per_hemisphere = { value = 44, published = [\"CARD\", \"NOTES20\"] }\nwords = { value = "
        "8192",
        "per_hemisphere = { value = 128, assumed = \"so\" }\nwords = { value = 16777216"}},
  };
  const char* messages[] = {
      "chip.streams: found 32, wanted at least planes_per_hemisphere * install_streams, 34",
      "chip.mem.per_hemisphere: found 43",
      "chip.mxm.rows: found 384",
      "chip.mxm.columns: found 640",
      "chip.vector_bytes: found 320",
      "chip.links.count: found 10, wanted at least the 11 that the levels use",
      "chip.mem.words: found 16777216, wanted at most 2^40 bytes"};
  for (std::size_t i = 0; i < std::size(messages); ++i) {
    EXPECT_THAT(ErrorOf(Altered(cases[i][0].first, cases[i][0].second)), HasSubstr(messages[i]));
  }
}

TEST(MachineFile, EveryPrefixOfAFileIsAnErrorOrAMachine) {
  const std::string text = TextOf("lp30.toml");
  for (std::size_t size = 0; size < text.size(); size += 7) {
    const auto machine = ParseMachineFile(text.substr(0, size), "m.toml");
    if (!machine.ok()) {
      EXPECT_THAT(machine.error().message, StartsWith("m.toml:"));
    }
  }
}

}  // namespace
}  // namespace millrace
