#include "compiler/report_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "isa/test_program.h"

namespace millrace::compiler {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string PageOf(const isa::TestProgram& test, const std::string& model = "none") {
  isa::TestProgram copy = test;
  Compiled compiled;
  compiled.program = copy.program();
  compiled.program.model = model;
  compiled.report.lower_bound_cycles = 50;
  const System system = isa::TinySystem();
  return ReportPage(compiled, system, Measure(compiled.program, system, 0));
}

isa::TestProgram Reads() {
  isa::TestProgram test(100);
  test.At(10, isa::Mem(0), isa::Read{.count = 5})
      .At(15, isa::Mem(0), isa::Read{.count = 2})
      .At(60, isa::Mem(0), isa::Read{.count = 40});
  return test;
}

TEST(ReportPage, HoldsTheDataOfTheStep) {
  const std::string page = PageOf(Reads());
  EXPECT_THAT(page, HasSubstr("const data = {\"model\":\"none\",\"machine\":\"tiny\""));
  EXPECT_THAT(page, HasSubstr("\"cycles\":100,\"position\":0,\"lower_bound\":50"));
  EXPECT_THAT(page, HasSubstr("[\"mem west 0 read\",0,0,0]"));
  EXPECT_THAT(page, HasSubstr("\"busy\":[47,0,"));
  // Pause and length in base 36: cycles 10 to 16, and 60 to 99.
  EXPECT_THAT(page, HasSubstr("\"times\":[\"a 7 17 14\",\"\","));
  EXPECT_THAT(page, HasSubstr("\"sram\":[[[0,16,1],[16,32,2],[32,48,1]"));
}

TEST(ReportPage, OfAShapeHoldsTheChipsThatHaveAProgram) {
  Compiled compiled;
  isa::TestProgram test = Reads();
  compiled.program = test.program();
  compiled.program.shape_only = true;
  compiled.program.chips.insert(compiled.program.chips.begin(), isa::ChipProgram{});
  const System system = isa::TinySystem();
  const std::string page = ReportPage(compiled, system, Measure(compiled.program, system, 0));
  EXPECT_THAT(page, HasSubstr("\"shape\":true"));
  EXPECT_THAT(page, HasSubstr("{\"number\":1,"));
  EXPECT_THAT(page, Not(HasSubstr("{\"number\":0,")));
}

TEST(ReportPage, NeedsNothingElseAndIsTheSameAgain) {
  const std::string page = PageOf(Reads());
  EXPECT_EQ(page, PageOf(Reads()));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  EXPECT_THAT(page, Not(HasSubstr("@import")));
  EXPECT_THAT(page, Not(HasSubstr("/*DATA*/")));
  EXPECT_THAT(page, HasSubstr("</html>"));
}

TEST(ReportPage, AModelsNameCannotEndTheScript) {
  EXPECT_THAT(PageOf(Reads(), "</script><b>"), HasSubstr("\\u003c/script>\\u003cb>"));
}

}  // namespace
}  // namespace millrace::compiler
