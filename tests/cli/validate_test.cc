// `millrace validate`: published results beside predictions.
#include <nlohmann/json.hpp>

#include "program.h"

namespace millrace {
namespace {

TEST(Validate, PrintsWhatIsPublishedAndWhatIsUnknown) {
  const Outcome outcome = Millrace({"validate", "BERT", "--quick"});
  ExpectSuccess(outcome);
  for (const char* part : {"BERT-base", "130 us", "< 1225 us", "an encoder", "unknown "}) {
    EXPECT_THAT(outcome.out, testing::HasSubstr(part));
  }
  EXPECT_THAT(outcome.out, testing::Not(testing::HasSubstr("Llama")));
}

TEST(Validate, JsonHoldsSourcesAndUnknowns) {
  const Outcome outcome = Millrace({"validate", "ResNet", "-o", "json"});
  ExpectSuccess(outcome);
  const auto json = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["latency_us"], 49.0);
  EXPECT_EQ(json[0]["measured"], true);
  EXPECT_FALSE(json[0]["unknown"].empty());
  EXPECT_EQ(json[0]["unpredicted"], "convolutions: the compiler takes decoders");
}

}  // namespace
}  // namespace millrace
