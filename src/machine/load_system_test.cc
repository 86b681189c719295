#include "machine/load_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "machine/totals.h"

namespace millrace {
namespace {

using testing::HasSubstr;

std::vector<int> Counts(std::string_view spec) {
  std::vector<int> counts;
  for (const SystemLevel& level : LoadSystem(spec).value().levels) counts.push_back(level.count);
  return counts;
}

TEST(LoadSystem, LowerLevelsAreFilledFirst) {
  EXPECT_THAT(Counts("groq-v1"), testing::IsEmpty());
  EXPECT_THAT(Counts("groq-v1x1"), testing::IsEmpty());
  EXPECT_THAT(Counts("groq-v1x5"), testing::ElementsAre(5));
  EXPECT_THAT(Counts("groq-v1x8"), testing::ElementsAre(8));
  EXPECT_THAT(Counts("groq-v1x72"), testing::ElementsAre(8, 9));
  EXPECT_THAT(Counts("groq-v1x576"), testing::ElementsAre(8, 72));
  EXPECT_THAT(Counts("lp30x32"), testing::ElementsAre(16, 2));
  EXPECT_THAT(Counts("lp30x256"), testing::ElementsAre(16, 8, 2));
  EXPECT_THAT(Counts("lp30x768"), testing::ElementsAre(16, 8, 2, 3));
  EXPECT_EQ(LoadSystem("groq-v1x576")->chips(), 576);
  EXPECT_EQ(LoadSystem("groq-v1x576")->name, "groq-v1x576");
}

TEST(LoadSystem, SizesBetweenLevelsAreErrors) {
  const auto error = [](std::string_view spec) { return LoadSystem(spec).error().message; };
  EXPECT_EQ(error("groq-v1x12"),
            "groq-v1: found 12 chips, wanted 1 to 8, or a multiple of 8 up to 10440");
  EXPECT_THAT(error("groq-v1x10448"), HasSubstr("found 10448 chips"));
  EXPECT_THAT(error("lp30x2560"), HasSubstr("found 2560 chips"));
  EXPECT_THAT(error("lp30x384"), HasSubstr("found 384 chips"));
  EXPECT_THAT(error("groq-v1x0"), HasSubstr("found 0 chips"));
  EXPECT_THAT(error("groq-v1x1099511627776"), HasSubstr("found 1099511627776 chips"));
  EXPECT_THAT(error("groq-v1x99999999999999999999999"), HasSubstr("wanted 1 to 1048576"));
  EXPECT_THAT(error("groq-v9"), HasSubstr("found 'groq-v9', wanted groq-v1, lp30 or a file"));
  EXPECT_THAT(error("x8"), HasSubstr("found 'x8'"));
  EXPECT_THAT(error(""), HasSubstr("found ''"));
}

TEST(LoadSystem, AFileIsAMachine) {
  const auto path =
      std::filesystem::temp_directory_path() / fmt::format("machine{}.toml", getpid());
  std::ofstream(path) << BuiltInMachineFiles()[0].text;
  const std::string name = path.string();
  EXPECT_EQ(LoadSystem(name + "x8")->chips(), 8);
  EXPECT_EQ(Fingerprint(*LoadSystem(name)), Fingerprint(*LoadSystem("groq-v1")));
  std::filesystem::remove(path);
  EXPECT_EQ(LoadSystem(name).error().code, ErrorCode::kNotFound);
}

TEST(LoadSystem, EveryLinkOfABuiltInSystemComesBack) {
  for (const char* spec : {"groq-v1x72", "lp30x768"}) {
    const System system = LoadSystem(spec).value();
    for (int chip = 0; chip < system.chips(); ++chip) {
      for (int link = 0; link < system.chip.links.count; ++link) {
        const auto end = system.Peer(chip, link);
        if (!end) continue;
        const auto back = system.Peer(end->chip, end->link);
        ASSERT_TRUE(back);
        ASSERT_EQ(back->chip, chip);
        ASSERT_EQ(back->link, link);
      }
    }
  }
}

TEST(Fingerprint, EveryNumberThatDecidesChangesIt) {
  const System system = LoadSystem("groq-v1x16").value();
  const std::uint64_t whole = Fingerprint(system);
  System other = system;
  other.chip.mxm.chain_cycles += 1;
  EXPECT_NE(Fingerprint(other), whole);
  other = system;
  other.chip.clock_hz += 1;
  EXPECT_NE(Fingerprint(other), whole);
  other = system;
  other.levels[1].latency_cycles += 1;
  EXPECT_NE(Fingerprint(other), whole);
  other = system;
  other.levels[0].count = 7;
  EXPECT_NE(Fingerprint(other), whole);
  other = system;
  other.name = "another";
  other.chip.energy.idle_w = 100;
  EXPECT_EQ(Fingerprint(other), whole);
}

TEST(Totals, PublishedTotalsFollowFromTheParts) {
  int checks = 0;
  for (const MachineFile& machine : BuiltInMachines()) {
    for (const TotalCheck& check : CheckTotals(machine)) {
      EXPECT_TRUE(check.agrees) << machine.name << " " << check.total.what << ": " << check.computed
                                << " for " << check.total.published;
      ++checks;
    }
  }
  EXPECT_GE(checks, 25);
}

// Written down by hand, not from the code: 44 x 2 slices of 8192 words, and so on.
TEST(Totals, AreThoseOfAHandCalculation) {
  const MachineFile machine = LoadMachineFile("groq-v1").value();
  const auto total = [&](const char* what, int chips) {
    PublishedTotal of;
    of.what = what;
    of.chips = chips;
    return ComputeTotal(machine, of);
  };
  EXPECT_EQ(total("sram_bytes", 1), 230686720);
  EXPECT_EQ(total("sram_bytes", 8), 1845493760);
  EXPECT_DOUBLE_EQ(total("sram_bytes_per_s", 1), 50.688e12);
  EXPECT_EQ(total("stream_bytes_per_cycle", 1), 20480);
  EXPECT_EQ(total("install_cycles", 1), 20);
  EXPECT_DOUBLE_EQ(total("int8_ops_per_s", 1), 737.28e12);
  EXPECT_DOUBLE_EQ(total("fp16_flops_per_s", 1), 184.32e12);
  EXPECT_DOUBLE_EQ(total("link_bytes_per_s", 1), 460.8e9);
}

TEST(Totals, TheCurveOfReachableSramIsThatOfTheVendor) {
  const MachineFile machine = LoadMachineFile("lp30").value();
  const double chip = 499916800;
  const auto reach = [&](double ns) {
    PublishedTotal of;
    of.what = "reach_sram_bytes";
    of.latency_ns = ns;
    return ComputeTotal(machine, of) / chip;
  };
  EXPECT_EQ(reach(340), 1);
  EXPECT_EQ(reach(350), 16);
  EXPECT_EQ(reach(740), 16);
  EXPECT_EQ(reach(750), 128);
  EXPECT_EQ(reach(1150), 256);
  EXPECT_EQ(reach(1600), 3 * 256);
  EXPECT_EQ(reach(2950), 9 * 256);
  EXPECT_EQ(reach(9000), 9 * 256);
}

}  // namespace
}  // namespace millrace
